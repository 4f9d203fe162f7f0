defmodule Bookend.ReadmeTest do
  use ExUnit.Case, async: true
  import ExUnit.CaptureIO
  import Support
  alias Bookend.{Connection, Hello}

  @readme File.read!(Path.join(__DIR__, "../README.md"))

  defp program(language, part) do
    Regex.scan(~r/```#{language}\n(.*?)```/s, @readme, capture: :all_but_first)
    |> Enum.find_value(fn [program] -> if program =~ part, do: program end)
  end

  test "the first program receives what it posts" do
    bindings = [host: "127.0.0.1", port: hub()]
    printed = capture_io(fn -> Code.eval_string(program("elixir", "messages"), bindings) end)
    assert printed == "ann: grüß Gott\n"
  end

  test "the Erlang program receives what it posts" do
    {:ok, tokens, _line} = program("erlang", "Listen") |> String.to_charlist() |> :erl_scan.string()
    {:ok, expressions} = :erl_parse.parse_exprs(tokens)
    bindings = %{Host: "127.0.0.1", Port: hub()}
    printed = capture_io(fn -> :erl_eval.exprs(expressions, bindings) end)
    assert printed == "ann: grüß Gott\n"
  end

  test "the GenServer answers each message" do
    [{echo, _code}] = Code.compile_string(program("elixir", "GenServer"))
    {client, server} = sockets()
    {:ok, pid} = echo.start_link(server)
    :ok = :gen_tcp.controlling_process(server, pid)
    send(pid, :begin)
    {:ok, connection} = Connection.client(client, %Hello{})

    for text <- ["a", "b"] do
      :ok = Connection.post(connection, text)
      assert {:ok, %{payload: %{text: ^text}}} = Connection.recv(connection)
    end

    reference = Process.monitor(pid)
    :ok = Connection.close(connection)
    assert_receive {:DOWN, ^reference, :process, ^pid, :normal}
  end
end
