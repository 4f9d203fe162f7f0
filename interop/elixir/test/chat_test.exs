defmodule Bookend.ChatTest do
  use ExUnit.Case, async: true
  import Support, only: [hub: 0]
  import ExUnit.CaptureIO
  alias Bookend.{Chat, Message, Payload}
  alias Bookend.Chat.{Options, Show}

  defp delivery(text, name \\ "ann") do
    {:ok, payload} = Payload.text(text, :utf8)
    %Message{kind: :delivery, from: 5, to: 7, name: name, payload: payload}
  end

  test "options are parsed" do
    words = ~w(hub:1 --name ann --encoding utf-16le --count 3 --send-hex 2 c3bc --json --resume 9)
    {:ok, options} = Options.parse(words)
    assert %{host: "hub", port: 1, count: 3, json: true, sends: [%{text: "ü"}]} = options
    assert %{name: "ann", preferred: :utf16le, resume: 9, hub: true} = options.hello
    assert {:ok, %{host: "::1", port: 3990}} = Options.parse(["[::1]:3990"])
  end

  test "wrong options are rejected" do
    for words <- [
          [],
          ["--name", "ann"],
          ["hub:1", "hub:2"],
          ["hub:1", "--count", "0"],
          ["hub:1", "--name"],
          ["hub:1", ""],
          ["hub"],
          ["hub:1", "--encoding", "latin-1"],
          ["hub:1", "--send-hex", "5", "00"],
          ["hub:1", "--send-hex", "2", "fc"],
          ["hub:1", "--name", "a\nb"],
          ["hub:1", "--shout"]
        ] do
      assert {:error, _reason} = Options.parse(words)
    end
  end

  test "a message cannot forge a line, and nor can a name" do
    assert Show.plain(delivery("hi\nbob: ho\e[2J"), 7) == "ann (to you): hi\\u{a}bob: ho\\u{1b}[2J"
    assert Show.plain(delivery("x", "* ann:"), 1) == "\\u{2a} ann\\u{3a} (to 7): x"
  end

  test "JSON has no controls" do
    assert Show.json(delivery("\"\\ü\u202E\n\d")) =~ ~S("text":"\"\\ü\u202e\u000a\u007f")
  end

  # What standard input and output do with other characters is tested with real ones, by `interop/run live`.
  test "a line of input is posted, and what arrives is printed" do
    port = hub()
    {:ok, options} = Options.parse(["127.0.0.1:#{port}", "--json", "--count", "1"])

    printed =
      capture_io([input: "hi there\r\n", capture_prompt: false], fn -> assert Chat.run(options) == 0 end)

    assert printed =~ ~s("event":"welcome")
    assert printed =~ ~s("encoding":2,"text":"hi there")
  end
end
