defmodule Bookend.Receiving do
  @moduledoc false
  # What a session does with a frame: the checks in the order of R3.25, then the answer or the delivery. `take/4` returns
  # {session, actions}, or {:error, fault, session, actions}. Actions are collected in reverse.

  alias Bookend.{
    Clock,
    Decoder,
    Encoding,
    Fault,
    Frame,
    Hello,
    Message,
    PeerError,
    Sending,
    Unreadable,
    Window
  }

  @hub_kinds [:welcome, :presence, :post, :delivery, :gap]

  def take(%{state: :greeting} = session, %Frame{kind: 0x01} = frame, now, actions),
    do: open(session, frame, now, actions)

  def take(session, frame, now, actions) do
    with {:ok, session} <- count(session, frame, now),
         :ok <- check_received_kind(session, frame.kind) do
      case parse(frame, session.agreed) do
        {:ok, message, text_fault} ->
          act(session, %{message | number: session.number - 1}, frame, text_fault, now, actions)

        :ignored ->
          {session, actions}

        {:error, fault} ->
          {:error, fault, session, actions}
      end
    else
      {:error, fault} -> {:error, fault, session, actions}
    end
  end

  defp open(session, frame, now, actions) do
    with :ok <-
           if(frame.encoding == :binary, do: :ok, else: fault("malformed", "HELLO in #{frame.encoding}")),
         {:ok, peer} <- Hello.parse(frame.body),
         :ok <-
           if(peer.client and session.role == :client,
             do: fault("two-clients", "HELLO has the option client"),
             else: :ok
           ) do
      clock = Clock.open(session.clock, session.hello.keepalive, peer.keepalive, now)
      decoder = Decoder.set_limit(session.decoder, session.hello.max_body)
      session = %{session | peer: peer, state: :open, clock: clock, decoder: decoder}

      if session.role == :server,
        do: {session, [Sending.write_hello(session) | actions]},
        else: {session, actions}
    else
      {:error, fault} -> {:error, fault, session, actions}
    end
  end

  # R8.3 and R8.4
  defp count(session, frame, now) do
    pings =
      case frame.kind do
        0x06 -> Window.admit(session.pings, now)
        0x07 -> session.pings
        _other -> Window.clear(session.pings)
      end

    empties = if frame.body == "", do: Window.admit(session.empties, now), else: session.empties

    cond do
      pings == nil -> fault("ping-flood", "")
      empties == nil -> fault("empty-flood", "")
      true -> {:ok, %{session | pings: pings, empties: empties}}
    end
  end

  defp check_received_kind(session, byte) do
    case Message.kind_of(byte) do
      :hello -> fault("second-hello", "")
      kind when kind in @hub_kinds -> Sending.check_hub_kind(session, kind, opposite(session.role))
      _kind -> :ok
    end
  end

  defp opposite(:client), do: :server
  defp opposite(:server), do: :client

  # The message, and the fault of its text if that is bad: then only the kind and the id of the message have a meaning.
  defp parse(frame, agreed) do
    case Message.parse(frame, agreed) do
      {:ok, message} ->
        {:ok, message, nil}

      {:error, %Fault{name: "bad-text"} = fault} ->
        kind = Message.kind_of(frame.kind)
        {:ok, %Message{kind: kind, id: id_of(kind, frame.body)}, fault}

      other ->
        other
    end
  end

  defp id_of(kind, <<id::32, _::binary>>) when kind in [:request, :reply], do: id
  defp id_of(_kind, _body), do: 0

  # Acts on a message whose kind and form are right. What is left are duplicate-request, encoding-refused, bad-text and
  # try-later; they do not concern CLOSE, PING, PONG and ERROR (R3.20, R5.11).
  defp act(session, %{kind: :close} = message, _frame, _text_fault, now, actions) do
    error = %PeerError{code: message.code, reason: message.payload.text}
    session = %{session | end: {:end, "peer-#{message.code}", error}}
    {session, actions} = Sending.write_close(session, message.code, "", now, actions)
    {%{session | is_reported: true}, [session.end | actions]}
  end

  # The driver may keep a PONG back (R3.10), which then must not put off a PING of this side (R7.1).
  defp act(session, %{kind: :ping} = message, _frame, _text_fault, now, actions) do
    {_with_later_ping, actions} =
      Sending.write(session, %Message{kind: :pong, payload: message.payload}, now, actions)

    {session, actions}
  end

  defp act(session, %{kind: :pong} = message, frame, _text_fault, _now, actions) do
    octets = message.payload.octets

    # R3.11
    if octets in session.pinged,
      do:
        {%{session | pinged: MapSet.delete(session.pinged, octets)}, [{:deliver, message, frame} | actions]},
      else: {session, actions}
  end

  defp act(session, %{kind: :error} = message, frame, _text_fault, _now, actions),
    do: {%{session | asked: MapSet.delete(session.asked, message.id)}, [{:deliver, message, frame} | actions]}

  defp act(session, message, frame, text_fault, now, actions) do
    refused =
      unless Hello.accepts?(session.hello, frame.encoding),
        do: Fault.new("encoding-refused", Encoding.name(frame.encoding))

    cond do
      message.kind == :request and is_map_key(session.owed, message.id) ->
        {:error, Fault.new("duplicate-request", "id #{message.id}"), session, actions}

      fault = refused || text_fault ->
        refuse(session, message, fault, now, actions)

      true ->
        accept(session, message, frame, now, actions)
    end
  end

  # The frame was whole, so the connection stays open (R5.8, R5.11). A reply never provokes a reply (R3.20): its request
  # has failed (R3.26).
  defp refuse(session, %{kind: :reply, id: id}, fault, _now, actions) do
    if id in session.asked,
      do:
        {%{session | asked: MapSet.delete(session.asked, id)},
         [{:unreadable, %Unreadable{id: id, fault: fault}} | actions]},
      else: {session, actions}
  end

  defp refuse(session, message, fault, now, actions),
    do: Sending.write_error(session, message.id, session.number - 1, fault, now, actions)

  defp accept(session, %{kind: :reply, id: id} = message, frame, _now, actions) do
    # R3.14
    if id in session.asked,
      do: {%{session | asked: MapSet.delete(session.asked, id)}, [{:deliver, message, frame} | actions]},
      else: {session, actions}
  end

  # R3.16
  defp accept(session, %{kind: :request} = message, frame, now, actions) do
    if map_size(session.owed) < Hello.max_requests(session.hello) do
      {%{session | owed: Map.put(session.owed, message.id, message.number)},
       [{:deliver, message, frame} | actions]}
    else
      full = Fault.new("try-later", "#{map_size(session.owed)} requests are unanswered")
      Sending.write_error(session, message.id, message.number, full, now, actions)
    end
  end

  # R3.23 and R3.24
  defp accept(session, %{kind: :cancel, id: id} = message, frame, now, actions) do
    case Map.pop(session.owed, id) do
      {nil, _owed} ->
        {session, actions}

      {number, owed} ->
        Sending.write_error(%{session | owed: owed}, id, number, Fault.new("cancelled"), now, [
          {:deliver, message, frame} | actions
        ])
    end
  end

  defp accept(session, message, frame, _now, actions), do: {session, [{:deliver, message, frame} | actions]}

  defp fault(name, detail), do: {:error, Fault.new(name, detail)}
end
