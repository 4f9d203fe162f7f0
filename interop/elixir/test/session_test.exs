defmodule Bookend.SessionTest do
  use ExUnit.Case, async: true
  import Support
  alias Bookend.{Frame, Hello, Message, Payload, Session}

  # The message that a session writes.
  defp written([{:write, octets}]), do: written(octets)

  defp written(octets) when is_binary(octets) do
    {:ok, message} = Message.parse(Frame.from_bytes(octets))
    message
  end

  defp text(text, encoding \\ :utf8) do
    {:ok, payload} = Payload.text(text, encoding)
    payload
  end

  defp sent(session, message) do
    {:ok, _actions, session} = Session.send_message(session, message, 0)
    session
  end

  defp refused(session, message) do
    {:error, fault} = Session.send_message(session, message, 0)
    fault.name
  end

  test "bad text is answered, and the session stays open [R5.8]" do
    {actions, session} = Session.receive_bytes(open_session(), frame(2, :utf8, "6772fcdf"), 0)
    assert %{kind: :error, code: 1007, frame: 1, payload: %{text: "bad-text: byte 2"}} = written(actions)
    assert Session.open?(session)
  end

  test "a silent peer ends the session as idle, unless the driver did not read [R7.3, R8.6]" do
    session = open_session(%Hello{keepalive: 0})
    assert Session.deadline(session) == 60_000
    assert {[], _session} = Session.tick(session, 59_999)
    assert {[{:write, _close}, :half_close], closing} = Session.tick(session, 60_000)
    assert {[{:end, "idle", _fault}], _session} = Session.tick(closing, 62_000)
    assert {[], _session} = session |> Session.excuse(50_000) |> Session.tick(109_999)
  end

  test "a PONG that waits for the application does not put off a PING [R7.1]" do
    {[{:write, _pong}], session} = Session.receive_bytes(open_session(), frame(6, :binary, ""), 20_000)
    assert {[{:write, <<0xF5, 0xF8, 6, _::binary>>}], _session} = Session.tick(session, 30_000)
    assert {[], _session} = session |> Session.wrote(20_000) |> Session.tick(49_999)
  end

  test "20 PINGs are a flood, unless they may have waited unread [R8.3, R8.6]" do
    pings = String.duplicate(frame(6, :binary, ""), 20)
    {_actions, session} = Session.receive_bytes(open_session(), pings, 0)
    refute Session.open?(session)
    {_actions, session} = open_session() |> Session.excuse(10_000) |> Session.receive_bytes(pings, 10_000)
    assert Session.open?(session)
  end

  test "a REPLY that cannot be read fails its request, and a later one is ignored [R3.26]" do
    session = sent(open_session(), %Message{kind: :request, id: 7})
    {actions, session} = Session.receive_bytes(session, frame(4, :utf8, "00000007ff"), 0)
    assert [{:unreadable, %{id: 7, fault: %{name: "bad-text"}}}] = actions
    assert {[], _session} = Session.receive_bytes(session, frame(4, :utf8, "0000000761"), 0)
  end

  test "private kinds are ignored unless agreed [R3.28]" do
    private = frame(0xC0, :utf8, "6869")
    assert {[], session} = Session.receive_bytes(open_session(), private, 0)
    session = Session.agree(session, [0xC0])

    assert {[{:deliver, %{kind: 0xC0, payload: %{text: "hi"}}, _frame}], session} =
             Session.receive_bytes(session, private, 0)

    assert {[], _session} = Session.receive_bytes(session, frame(0xC1, :utf8, "6869"), 0)
  end

  test "a message that must not be sent is refused by the first rule that it breaks [R7.18]" do
    session = open_session(%Hello{}, %Hello{accepted: 0x07, max_body: 1_024})
    wide = text("hi", :utf16le)
    long = Payload.binary(:binary.copy("x", 1_025))

    for {name, message} <- [
          {"malformed", %Message{kind: :ping, payload: wide}},
          {"malformed", %Message{kind: :pong, payload: long}},
          {"unknown-kind", %Message{kind: :gap}},
          {"unknown-kind", %Message{kind: 0x20}},
          {"unexpected-kind", %Message{kind: :pong}},
          {"unexpected-kind", %Message{kind: :hello}},
          {"no-such-request", %Message{kind: :reply, id: 1, payload: wide}},
          {"no-such-request", %Message{kind: :error, id: 1, payload: text("policy")}},
          {"encoding-refused", %Message{kind: :message, payload: wide}},
          {"encoding-refused", %Message{kind: 0xC0, payload: wide}},
          {"too-long", %Message{kind: :message, payload: long}},
          {"too-long", %Message{kind: :error, payload: text(String.duplicate("x", 201))}}
        ] do
      assert refused(session, message) == name
    end

    {:ok, greeting} = Session.new(:client, %Hello{})
    assert refused(greeting, %Message{kind: :message}) == "not-open"
    assert refused(greeting, %Message{kind: :request}) == "malformed"
  end

  test "an ERROR that answers a REQUEST carries the number of its frame, and frees its id [R7.19]" do
    {_actions, session} = Session.receive_bytes(open_session(), frame(3, :binary, "00000005"), 0)
    refusal = %Message{kind: :error, id: 5, frame: 99, code: 1008, payload: text("policy")}
    {:ok, actions, session} = Session.send_message(session, refusal, 0)
    assert %{id: 5, frame: 1} = written(actions)

    assert [{:deliver, %{kind: :request}, _}] =
             session |> Session.receive_bytes(frame(3, :binary, "00000005"), 0) |> elem(0)
  end

  test "a cancelled request counts until its answer arrives [R3.22]" do
    for answer <- [
          frame(4, :binary, "00000001"),
          frame(5, :ascii, "00000001 00000001 0fac 63616e63656c6c6564")
        ] do
      session = open_session(%Hello{}, %Hello{requests: 1})
      session = session |> sent(%Message{kind: :request, id: 1}) |> sent(%Message{kind: :cancel, id: 1})
      assert refused(session, %Message{kind: :request, id: 2}) == "try-later"
      assert refused(session, %Message{kind: :request, id: 1}) == "duplicate-request"
      {_actions, session} = Session.receive_bytes(session, answer, 0)
      assert refused(session, %Message{kind: :cancel, id: 1}) == "no-such-request"
      sent(session, %Message{kind: :request, id: 2})
    end
  end

  test "a CANCEL is answered at once and makes room [R3.23, R3.24]" do
    {_actions, session} =
      Session.receive_bytes(open_session(%Hello{requests: 1}), frame(3, :binary, "00000007"), 0)

    cancel = frame(0x81, :binary, "00000007")
    {[{:deliver, %{kind: :cancel}, _}, {:write, answer}], session} = Session.receive_bytes(session, cancel, 0)
    assert %{kind: :error, id: 7, frame: 1, code: 4012, payload: %{text: "cancelled"}} = written(answer)
    assert refused(session, %Message{kind: :reply, id: 7}) == "no-such-request"
    assert {[], session} = Session.receive_bytes(session, cancel, 0)

    assert {[{:deliver, %{kind: :request}, _}], _} =
             Session.receive_bytes(session, frame(3, :binary, "00000007"), 0)
  end

  test "a client refuses another client [R4.24]" do
    {:ok, session} = Session.new(:client, %Hello{})
    {[{:write, hello}], session} = Session.start(session, 0)
    {_actions, session} = Session.receive_bytes(session, hello, 0)
    assert {[{:end, "two-clients", _fault}], _session} = Session.end_of_stream(session, "", 0)
  end

  test "no bytes raise, and memory stays bounded [R8.1, R8.5]" do
    :rand.seed(:exsss, 20_010_911)

    samples =
      for kind <- [1, 2, 3, 4, 5, 6, 7, 8, 0x13, 0x81, 0xC0],
          encoding <- [:binary, :utf8, :utf16be],
          do: {kind, encoding}

    for _round <- 1..3_000 do
      stream =
        for _frame <- 1..4, into: "" do
          {kind, encoding} = Enum.random(samples)
          Frame.encode(%Frame{kind: kind, encoding: encoding, body: :rand.bytes(:rand.uniform(40) - 1)})
        end

      at = :rand.uniform(byte_size(stream)) - 1
      <<before::binary-size(at), octet, rest::binary>> = stream
      damaged = before <> <<Bitwise.bxor(octet, :rand.uniform(256) - 1)>> <> rest
      session = Session.agree(open_session(%Hello{hub: true}, %Hello{hub: true}), 0xC0..0xEF)
      {_actions, session} = Session.receive_bytes(session, damaged, 0)
      {_actions, session} = Session.tick(session, 70_000)
      {_actions, session} = Session.end_of_stream(session, "", 70_000)
      assert Session.done?(session) and Session.deadline(session) == nil
    end
  end
end
