defmodule Bookend.Adapter.Sessions do
  @moduledoc "Answers the requests about sessions."

  alias Bookend.{Frame, Hello, Message, Session}
  alias Bookend.Adapter.Words

  @private 0xC0..0xEF

  @doc "The answer: a word for the start and one for each step, or a fault of this side's HELLO."
  def answer(role, cut, hello, steps) do
    with {:ok, hello} <- Hello.parse(hello),
         {:ok, session} <- Session.new(role, hello) do
      {actions, session} = Session.start(session, 0)
      {words, _state} = Enum.map_reduce(steps, {session, 0}, &take(String.split(&1, ":"), cut, &2))
      Enum.join([show(actions) | words], " ")
    end
  end

  defp take(["recv", octets], cut, {session, now}) do
    {actions, session} =
      Enum.flat_map_reduce(Words.pieces(octets, cut), session, &Session.receive_bytes(&2, &1, now))

    # What is written arrives at once.
    session = if List.keymember?(actions, :write, 0), do: Session.wrote(session, now), else: session
    {show(actions), {session, now}}
  end

  defp take(["agree"], _cut, {session, now}), do: {"-", {Session.agree(session, @private), now}}

  defp take(["time", time], _cut, {session, _now}) do
    now = Words.number(time)
    shown(Session.tick(session, now), now)
  end

  defp take(["eof"], _cut, {session, now}), do: shown(Session.end_of_stream(session, "", now), now)

  defp take(["close", code], _cut, {session, now}),
    do: shown(Session.close(session, Words.number(code), now), now)

  defp take(["send", kind, encoding, body], _cut, {session, now}) do
    with {:ok, message} <- message(Words.frame(kind, encoding, body)),
         {:ok, [{:write, octets}], session} <- Session.send_message(session, message, now) do
      {"sent=" <> Words.hex(octets), {session, now}}
    else
      {:error, fault} -> {"refused:" <> fault.name, {session, now}}
    end
  end

  # HELLO and what nobody may send have no form as a message: the session refuses them by their kind.
  defp message(frame) do
    kind = Message.kind_of(frame.kind)

    if kind in [nil, :hello],
      do: {:ok, %Message{kind: kind || frame.kind}},
      else: Message.parse(frame, @private, true)
  end

  defp shown({actions, session}, now), do: {show(actions), {session, now}}

  # Lists the actions in order. Written frames are decoded from their bytes.
  defp show(actions) do
    case Enum.flat_map(actions, &items/1) do
      [] -> "-"
      items -> Enum.join(items, ",")
    end
  end

  defp items({:write, octets}) do
    frame = Frame.from_bytes(octets)
    kind = Message.kind_of(frame.kind)
    [sent(kind, frame) <> "=" <> Words.hex(octets)]
  end

  defp items({:deliver, %{kind: :pong}, _frame}), do: []
  defp items({:deliver, _message, frame}), do: ["got:#{Words.hex(<<frame.kind>>)}:#{Words.hex(frame.body)}"]
  defp items({:end, name, _error}), do: ["end:" <> name]
  defp items(_other), do: []

  defp sent(:hello, _frame), do: "hello"
  defp sent(:ping, _frame), do: "ping"
  defp sent(:pong, frame), do: "pong:" <> Words.hex(frame.body)

  defp sent(kind, frame) do
    {:ok, message} = Message.parse(frame, [], true)
    [name | _detail] = String.split(message.payload.text, ":")
    name = if name == "", do: "-", else: name

    case kind do
      :error -> "error:#{message.id}:#{message.frame}:#{message.code}:#{name}"
      :close -> "close:#{message.code}:#{name}"
    end
  end
end
