defmodule Bookend.Sending do
  @moduledoc false
  # What a session sends: the application's messages, if they break no rule, and its own.

  alias Bookend.{Clock, Encoding, Fault, Frame, Hello, Message, Payload, Session}

  @hub_kinds [:welcome, :presence, :post, :delivery, :gap]

  # The frame of a message that may be sent now. The checks are made in the order of R7.18.
  def permit(session, message) do
    with {:ok, frame} <- to_frame(session, message),
         :ok <- check_open(session),
         :ok <- check_sent_kind(session, message.kind),
         :ok <- check_request(session, message),
         :ok <- check_encoding(session, frame),
         :ok <- Payload.check(message.payload),
         :ok <- check_length(session, message, frame),
         do: {:ok, frame}
  end

  # A kind that nobody may send has no form.
  defp to_frame(session, message) do
    if Message.byte_of(message.kind),
      do: message |> with_number(session.owed) |> Message.encode(),
      else: {:ok, nil}
  end

  defp with_number(%{kind: :error, id: id} = message, owed) when is_map_key(owed, id),
    do: %{message | frame: owed[id]}

  defp with_number(message, _owed), do: message

  defp check_open(%{state: :open}), do: :ok
  defp check_open(_session), do: fault("not-open", "the session is not open")

  defp check_sent_kind(_session, kind) when kind in [:hello, :pong, :close],
    do: fault("unexpected-kind", "the session itself sends #{kind}")

  defp check_sent_kind(session, kind) when kind in @hub_kinds, do: check_hub_kind(session, kind, session.role)

  defp check_sent_kind(_session, kind) do
    if Message.byte_of(kind), do: :ok, else: fault("unknown-kind", "#{inspect(kind)} must not be sent")
  end

  defp check_request(session, %{kind: :request, id: id}) do
    cond do
      id in session.asked ->
        fault("duplicate-request", "id #{id}")

      MapSet.size(session.asked) >= Hello.max_requests(session.peer) ->
        fault("try-later", "too many requests are unanswered")

      true ->
        :ok
    end
  end

  defp check_request(session, %{kind: :cancel, id: id}) do
    if id in session.asked, do: :ok, else: fault("no-such-request", "no own REQUEST #{id} is unanswered")
  end

  defp check_request(session, %{kind: kind, id: id}) when kind == :reply or (kind == :error and id != 0) do
    if is_map_key(session.owed, id), do: :ok, else: fault("no-such-request", "no REQUEST #{id} is unanswered")
  end

  defp check_request(_session, _message), do: :ok

  defp check_encoding(session, frame) do
    if Hello.accepts?(session.peer, frame.encoding),
      do: :ok,
      else: fault("encoding-refused", "the peer does not accept #{Encoding.name(frame.encoding)}")
  end

  defp check_length(session, message, frame) do
    cond do
      byte_size(frame.body) > session.peer.max_body ->
        fault("too-long", "#{byte_size(frame.body)} bytes, the peer accepts #{session.peer.max_body}")

      message.kind == :error and byte_size(message.payload.octets) > Message.max_reason() ->
        fault(
          "too-long",
          "the reason has #{byte_size(message.payload.octets)} bytes, the limit is #{Message.max_reason()}"
        )

      true ->
        :ok
    end
  end

  # The session's own messages are always legal.
  def write(session, message, now, actions) do
    {:ok, frame} = Message.to_frame(message)
    {Session.wrote(session, now), [{:write, Frame.encode(frame)} | actions]}
  end

  def write_hello(session), do: {:write, Frame.encode(%Frame{kind: 0x01, body: session.body})}

  def write_error(session, id, number, fault, now, actions) do
    wanted = if session.peer.preferred == :binary, do: :ascii, else: session.peer.preferred
    reason = Message.reason(Fault.reason(fault), wanted)

    write(
      session,
      %Message{kind: :error, id: id, frame: number, code: Fault.code(fault), payload: reason},
      now,
      actions
    )
  end

  def write_close(session, code, words, now, actions) do
    message = %Message{kind: :close, code: code, payload: Message.reason(words, :ascii)}
    {session, actions} = write(session, message, now, actions)
    {%{session | state: :closing, clock: Clock.close(session.clock, now)}, [:half_close | actions]}
  end

  # Rejects a hub kind without the profile, or in the wrong direction (R9.1, R9.2).
  def check_hub_kind(session, kind, sender) do
    cond do
      not Session.hub?(session) -> fault("unknown-kind", "#{kind} without the hub profile")
      kind == :post != (sender == :client) -> fault("unexpected-kind", "#{kind} from a #{sender}")
      true -> :ok
    end
  end

  defp fault(name, detail), do: {:error, Fault.new(name, detail)}
end
