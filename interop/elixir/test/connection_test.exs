defmodule Bookend.ConnectionTest do
  use ExUnit.Case, async: true
  import Support
  alias Bookend.{Connection, Frame, Hello, Message, Payload, PeerError}

  @moduletag timeout: 20_000

  # A connection as the server, and the raw socket of its client, which has read the HELLO.
  defp raw_client(hello \\ %Hello{}) do
    {client, server} = sockets()
    {:ok, body} = Hello.encode(hello)
    :ok = :gen_tcp.send(client, Frame.encode(%Frame{kind: 1, body: body}))
    {:ok, connection} = Connection.server(server, %Hello{})
    {:ok, <<0xF5, 0xF8, 1, _::binary>>} = :gen_tcp.recv(client, 34)
    {client, connection}
  end

  defp ended(connection) do
    reference = Process.monitor(connection)
    receive do: ({:DOWN, ^reference, :process, _, reason} -> reason)
  end

  test "text arrives in the encoding that the peer prefers" do
    {client, server, _serving} = connections(%Hello{}, %Hello{preferred: :utf16le})
    :ok = Connection.post(client, "grüß")
    assert {:ok, %{kind: :message, payload: %{text: "grüß", encoding: :utf16le}}} = Connection.recv(server)
    :ok = Connection.close(client)
    assert {:error, :closed} = Connection.recv(server)
    assert {:error, %{name: "not-open"}} = Connection.post(client, "late")
  end

  test "the owner is sent one message for each active_once, and the end" do
    {client, server, _serving} = connections()
    for text <- ["a", "b"], do: :ok = Connection.post(server, text)
    Connection.active_once(client)
    assert_receive {:bookend, ^client, %{payload: %{text: "a"}}}
    :ok = Connection.close(server, 1001)
    refute_received {:bookend, ^client, _}
    Connection.active_once(client)
    assert_receive {:bookend, ^client, %{payload: %{text: "b"}}}
    refute_received {:bookend_closed, ^client, _}
    Connection.active_once(client)
    assert_receive {:bookend_closed, ^client, %PeerError{code: 1001}}
  end

  test "recv gives up after its timeout and loses nothing" do
    {client, server, _serving} = connections()
    assert {:error, :timeout} = Connection.recv(client, 0)
    :ok = Connection.post(server, "a")
    assert {:ok, %{payload: %{text: "a"}}} = Connection.recv(client)
  end

  test "a request is answered with a reply, an ERROR, or not in time" do
    {client, server, _serving} = connections()

    asking =
      Task.async(fn ->
        for time <- [:infinity, :infinity, 0], do: Connection.request(client, "time?", time)
      end)

    {:ok, first} = Connection.recv(server)
    :ok = Connection.reply(server, first, "noon")
    {:ok, second} = Connection.recv(server)
    :ok = Connection.refuse(server, second, Bookend.Fault.new("policy", "no"))
    assert [{:ok, %{text: "noon"}}, {:error, %PeerError{code: 1008}}, {:error, :timeout}] = Task.await(asking)
    {:ok, %{kind: :request, id: id} = third} = Connection.recv(server)
    assert {:ok, %{kind: :cancel, id: ^id}} = Connection.recv(server)
    assert {:error, %{name: "no-such-request"}} = Connection.reply(server, third, "late")
  end

  test "an answer sent before the CANCEL was taken is dropped" do
    {client, connection} = raw_client()
    :ok = :gen_tcp.send(client, frame(3, :binary, "00000007") <> frame(0x81, :binary, "00000007"))
    {:ok, %{kind: :request} = request} = Connection.recv(connection)
    # cancelled, with its id
    {:ok, <<_::64, 7::32, 1::32, 4012::16, _::binary>>} = :gen_tcp.recv(client, 29)
    :ok = Connection.reply(connection, request, "noon")
    assert {:ok, %{kind: :cancel}} = Connection.recv(connection)
    assert {:error, %{name: "no-such-request"}} = Connection.reply(connection, request, "noon")
  end

  test "a PONG is sent when the application asks for what follows [R3.10]" do
    {client, connection} = raw_client()
    :ok = :gen_tcp.send(client, frame(2, :utf8, "61") <> frame(6, :binary, "31"))
    {:ok, %{kind: :message}} = Connection.recv(connection)
    assert {:error, :timeout} = :gen_tcp.recv(client, 0, 50)
    Connection.active_once(connection)
    pong = frame(7, :binary, "31")
    assert {:ok, ^pong} = :gen_tcp.recv(client, byte_size(pong))
  end

  test "a fault is answered with CLOSE, and the process ends normally" do
    {client, connection} = raw_client()
    :ok = :gen_tcp.send(client, "GET / HTTP/1.1\r\n\r\n")
    assert {:ok, <<0xF5, 0xF8, 8, 1, _::32, 4000::16, "bad-start", _::binary>>} = :gen_tcp.recv(client, 0)
    :ok = :gen_tcp.shutdown(client, :write)
    assert {:error, %{name: "bad-start"}} = Connection.recv(connection)
    assert ended(connection) in [:normal, :noproc]
  end

  test "a HELLO that is refused makes no connection" do
    {client, server} = sockets()
    :ok = :gen_tcp.send(client, "ssh")
    :ok = :gen_tcp.shutdown(client, :write)
    assert {:error, %{name: "bad-start"}} = Connection.server(server, %Hello{})
    assert {:error, %{name: "bad-hello"}} = Connection.server(server, %Hello{name: "a\nb"})
  end

  test "a connection ends with its owner, and says so" do
    {client, server, serving} = connections()
    Process.unlink(serving)
    Process.exit(serving, :kill)
    assert {:error, %PeerError{code: 1001}} = Connection.recv(client)
    assert ended(server) in [:normal, :noproc]
  end

  test "the owner can be changed by the owner" do
    {client, _server, serving} = connections()

    assert Task.async(fn -> Connection.controlling_process(client, self()) end) |> Task.await() ==
             {:error, :not_owner}

    assert :ok = Connection.controlling_process(client, serving)
  end

  test "while the application takes nothing, the peer is held back, and nothing is lost [R8.6]" do
    {client, server, _serving} = connections()
    payload = Payload.binary(:binary.copy("x", 0x40000))
    sending = Task.async(fn -> for _ <- 1..100, do: :ok = Connection.post(client, payload) end)
    # 25 MiB do not fit into what may wait, and into the buffers of the system.
    assert Task.yield(sending, 300) == nil
    {_, memory} = Process.info(server, :memory)
    assert memory < 0x400000
    for _ <- 1..100, do: assert({:ok, %{payload: ^payload}} = Connection.recv(server))
    Task.await(sending)
  end

  test "close waits until everything is sent" do
    {client, server, _serving} = connections()
    receiving = Task.async(fn -> server |> Connection.messages() |> Enum.count() end)
    for _ <- 1..50, do: :ok = Connection.post(client, Payload.binary(:binary.copy("x", 100_000)))
    :ok = Connection.close(client)
    assert Task.await(receiving) == 50
  end

  test "a private kind arrives if the application takes it" do
    {client, server} = sockets()
    {:ok, body} = Hello.encode(%Hello{})
    :ok = :gen_tcp.send(client, Frame.encode(%Frame{kind: 1, body: body}) <> frame(0xC0, :utf8, "6869"))
    {:ok, connection} = Connection.server(server, %Hello{}, agreed: [0xC0])
    assert {:ok, %{kind: 0xC0, payload: %{text: "hi"}}} = Connection.recv(connection)
    assert :ok = Connection.send_message(connection, %Message{kind: 0xC1})
  end
end
