defmodule Bookend.Session do
  @moduledoc """
  The rules of one side of a connection (SPEC section 7), as a value without a socket or a clock: bytes and times go in, and
  actions come out. Times are in milliseconds from any origin. Call `start/2` first, and `tick/2` at each `deadline/1`.
  Carry out the actions in order:

    * `{:write, bytes}`: write one whole frame, and call `wrote/2` when some of it is written. A PONG may wait until the
      application has acted on what came before (R3.10)
    * `{:deliver, message, frame}`: give the message to the application; `frame` is it as it arrived
    * `{:unreadable, %Bookend.Unreadable{}}`: tell the application that an answer cannot be read
    * `:half_close`: close the sending direction after all writes, and keep reading
    * `{:end, name, error}`: the session is over; `name` is its first cause, and `error` is `nil` if this side closed it
  """

  alias Bookend.{
    Clock,
    Decoder,
    Fault,
    Frame,
    Hello,
    Message,
    PeerError,
    Receiving,
    Sending,
    Unreadable,
    Window
  }

  # Bytes before the server's first F5 (R4.21); of body before HELLO (R4.18); discarded after CLOSE (R7.6).
  @max_preamble 1_024
  @before_hello 4_096
  @drain_bytes 0x10000

  defstruct [
    :role,
    :hello,
    :body,
    :clock,
    :peer,
    agreed: [],
    state: :greeting,
    decoder: Decoder.new(@before_hello),
    pings: Window.new(10, 10_000),
    empties: Window.new(1_000, 1_000),
    # How many bytes came before the server's first F5; nil once it has arrived, and at a server.
    skipped: nil,
    number: 0,
    # The ids of this side's unanswered requests, and those of the peer with the numbers of their frames.
    asked: MapSet.new(),
    owed: %{},
    # The payloads of the application's unanswered PINGs.
    pinged: MapSet.new(),
    discarded: 0,
    # The cause of the end, an action, and whether it was returned.
    end: nil,
    is_reported: false
  ]

  @type role :: :client | :server
  @type action ::
          {:write, binary}
          | {:deliver, Message.t(), Frame.t()}
          | {:unreadable, Unreadable.t()}
          | :half_close
          | {:end, String.t(), Fault.t() | PeerError.t() | nil}
  @opaque t :: %__MODULE__{}

  @doc "Returns a session. The fault is bad-hello."
  @spec new(role, Hello.t()) :: {:ok, t} | {:error, Fault.t()}
  def new(role, hello) do
    # R4.23
    hello = %{hello | client: role == :client}

    with {:ok, body} <- Hello.encode(hello) do
      skipped = if role == :client, do: 0

      {:ok,
       %__MODULE__{
         role: role,
         hello: hello,
         body: body,
         skipped: skipped,
         clock: Clock.new(0)
       }}
    end
  end

  @doc "The application takes these private kinds, within 0xC0..0xEF, from now on (R3.28). Others are ignored."
  @spec agree(t, Enumerable.t()) :: t
  def agree(session, kinds), do: %{session | agreed: kinds}

  @doc "Returns the other side's HELLO, or `nil` before it has been accepted."
  @spec peer(t) :: Hello.t() | nil
  def peer(session), do: session.peer

  @doc "Tells whether messages can be sent."
  @spec open?(t) :: boolean
  def open?(session), do: session.state == :open

  @doc "Tells whether the session is over. The driver then closes the stream."
  @spec done?(t) :: boolean
  def done?(session), do: session.state == :closed

  @doc "Tells whether the hub profile is in force (R9.1)."
  @spec hub?(t) :: boolean
  def hub?(session), do: session.peer != nil and session.peer.hub and session.hello.hub

  @doc "Tells whether the peer has not yet answered this side's request with this id."
  @spec unanswered?(t, 1..0xFFFFFFFF) :: boolean
  def unanswered?(session, id), do: id in session.asked

  @doc "Returns the time of the next `tick/2`, or `nil` if nothing is due."
  @spec deadline(t) :: integer | nil
  def deadline(%{state: :closed}), do: nil
  def deadline(session), do: Clock.deadline(session.clock)

  # Events from the driver

  @doc "The stream is connected."
  @spec start(t, integer) :: {[action], t}
  def start(session, now) do
    session = %{session | clock: Clock.new(now)}
    if session.role == :client, do: {[Sending.write_hello(session)], session}, else: {[], session}
  end

  @doc "Bytes have arrived."
  @spec receive_bytes(t, binary, integer) :: {[action], t}
  def receive_bytes(session, "", _now), do: {[], session}

  def receive_bytes(session, octets, now) do
    session = %{session | clock: Clock.received(session.clock, now)}

    cond do
      reads?(session) -> session |> feed(octets) |> take_all(now, [])
      session.state == :closing -> discard(session, byte_size(octets), [])
      true -> {[], session}
    end
  end

  @doc "No more bytes will arrive. `detail` is the transport's explanation, or \"\"."
  @spec end_of_stream(t, String.t(), integer) :: {[action], t}
  def end_of_stream(session, detail, now) do
    pending = Decoder.pending(session.decoder)

    cond do
      not reads?(session) ->
        finish(session, [])

      pending > 0 ->
        detail = if detail == "", do: "#{pending} bytes of a frame", else: detail
        {session, actions} = fail(session, Fault.new("truncated", detail), now, [])
        finish(session, actions)

      true ->
        abort(session, Fault.new("no-close", detail))
    end
  end

  @doc "Ends the session without a CLOSE, because the driver cannot continue and closes the stream (R7.14)."
  @spec abort(t, Fault.t()) :: {[action], t}
  def abort(session, fault), do: %{session | end: session.end || ending(fault)} |> finish([])

  @doc "Does what is due."
  @spec tick(t, integer) :: {[action], t}
  def tick(session, now), do: tick(session, now, [])

  defp tick(%{state: :closed} = session, _now, actions), do: done(session, actions)

  defp tick(session, now, actions) do
    case Clock.overdue(session.clock, now) do
      nil ->
        done(session, actions)

      :drain ->
        finish(session, actions)

      :ping ->
        {session, actions} = Sending.write(session, %Message{kind: :ping}, now, actions)
        tick(session, now, actions)

      name ->
        {session, actions} = fail(session, Fault.new(name), now, actions)
        tick(session, now, actions)
    end
  end

  @doc "Bytes were written: a PONG, or a part of a long frame, keeps the keepalive promise (R7.2)."
  @spec wrote(t, integer) :: t
  def wrote(session, now), do: %{session | clock: Clock.sent(session.clock, now)}

  @doc "The driver did not read for this long, which does not count against the peer (R8.6)."
  @spec excuse(t, non_neg_integer) :: t
  def excuse(session, duration) do
    %{
      session
      | clock: Clock.excuse(session.clock, duration),
        pings: Window.excuse(session.pings, duration),
        empties: Window.excuse(session.empties, duration)
    }
  end

  # Calls from the application

  @doc """
  Sends a message. On an error nothing was sent; the fault names the rule that the message would break. In an ERROR that
  answers a REQUEST, the session writes the number of the REQUEST's frame itself.
  """
  @spec send_message(t, Message.t(), integer) :: {:ok, [action], t} | {:error, Fault.t()}
  def send_message(session, message, now) do
    with {:ok, frame} <- Sending.permit(session, message) do
      session = session |> note(message) |> wrote(now)
      {:ok, [{:write, Frame.encode(frame)}], session}
    end
  end

  @doc "Sends CLOSE with the first name of the code as its reason, unless a CLOSE was sent already."
  @spec close(t, 1000..4999, integer) :: {[action], t}
  def close(session, code, now) do
    if reads?(session) do
      name = Fault.first_name(code)
      session = %{session | end: {:end, name || Integer.to_string(code), nil}}
      {session, actions} = Sending.write_close(session, code, name || "", now, [])
      done(session, actions)
    else
      {[], session}
    end
  end

  defp note(session, %{kind: :request, id: id}), do: %{session | asked: MapSet.put(session.asked, id)}

  defp note(session, %{kind: kind, id: id}) when kind in [:reply, :error],
    do: %{session | owed: Map.delete(session.owed, id)}

  defp note(session, %{kind: :ping, payload: payload}),
    do: %{session | pinged: MapSet.put(session.pinged, payload.octets)}

  defp note(session, _message), do: session

  # Receiving. Actions are collected in reverse.

  defp reads?(session), do: session.state in [:greeting, :open]

  # Skips what a server sends before its first frame (R4.21).
  defp feed(%{skipped: nil} = session, octets),
    do: %{session | decoder: Decoder.feed(session.decoder, octets)}

  defp feed(%{skipped: skipped} = session, octets) do
    {start, is_here} =
      case :binary.match(octets, <<0xF5>>) do
        {at, 1} -> {at, true}
        :nomatch -> {byte_size(octets), false}
      end

    allowed = @max_preamble - skipped
    used = min(start, allowed)
    <<_::binary-size(used), rest::binary>> = octets
    decoder = Decoder.feed(session.decoder, rest)

    if start > allowed do
      fault = Fault.new("bad-start", "no F5 in #{@max_preamble + 1} bytes")
      {:error, _fault, decoder} = Decoder.fail(decoder, fault, 1)
      %{session | decoder: decoder, skipped: nil}
    else
      %{session | decoder: decoder, skipped: if(is_here, do: nil, else: skipped + start)}
    end
  end

  defp take_all(session, now, actions) do
    with true <- reads?(session),
         {:ok, frame, decoder} <- next_frame(session) do
      session = %{
        session
        | decoder: decoder,
          clock: Clock.frame_ends(session.clock),
          number: session.number + 1
      }

      {session, actions} = session |> Receiving.take(frame, now, actions) |> or_fail(now)
      take_all(session, now, actions)
    else
      {:more, decoder} ->
        done(watch(%{session | decoder: decoder}, now), actions)

      {:error, fault, decoder} ->
        {session, actions} = fail(%{session | decoder: decoder}, fault, now, actions)
        discard_unused(session, actions)

      false ->
        discard_unused(session, actions)
    end
  end

  defp discard_unused(session, actions) do
    unused = Decoder.unused(session.decoder)
    discard(%{session | decoder: Decoder.drop(session.decoder)}, unused, actions)
  end

  defp next_frame(%{state: :greeting} = session) do
    with {:ok, {kind, _encoding, _length}, decoder} <- Decoder.header(session.decoder),
         :ok <- check_first(kind, decoder),
         do: Decoder.next(decoder)
  end

  defp next_frame(session), do: Decoder.next(session.decoder)

  # Rejects anything but a HELLO or CLOSE before the frame is complete (R4.3, R4.7, R4.19).
  defp check_first(0x08, _decoder), do: :ok

  defp check_first(0x01, decoder) do
    case Hello.check_prefix(Decoder.body_so_far(decoder, 12)) do
      :ok -> :ok
      {:error, fault, at} -> Decoder.fail(decoder, fault, 8 + at + 1)
    end
  end

  defp check_first(kind, decoder),
    do: Decoder.fail(decoder, Fault.new("hello-expected", "found kind #{Base.encode16(<<kind>>)}"), 8)

  # Starts the deadlines of an incomplete frame.
  defp watch(session, now) do
    case {Decoder.pending(session.decoder), Decoder.header(session.decoder)} do
      {0, _} ->
        session

      {_, {:ok, {_, _, length}, _}} ->
        %{session | clock: session.clock |> Clock.frame_begins(now) |> Clock.header_ends(length, now)}

      {_, _incomplete} ->
        %{session | clock: Clock.frame_begins(session.clock, now)}
    end
  end

  defp or_fail({:error, fault, session, actions}, now), do: fail(session, fault, now, actions)
  defp or_fail({session, actions}, _now), do: {session, actions}

  # Ending

  defp fail(session, fault, now, actions) do
    session = %{session | end: ending(fault)}
    Sending.write_close(session, Fault.code(fault), Fault.reason(fault), now, actions)
  end

  defp discard(session, count, actions) do
    session = %{session | discarded: session.discarded + count}
    if session.discarded >= @drain_bytes, do: finish(session, actions), else: done(session, actions)
  end

  defp finish(%{state: :closed} = session, actions), do: done(session, actions)

  defp finish(session, actions) do
    actions = if session.end == nil or session.is_reported, do: actions, else: [session.end | actions]
    done(%{session | state: :closed, is_reported: true, decoder: Decoder.drop(session.decoder)}, actions)
  end

  defp done(session, actions), do: {Enum.reverse(actions), session}

  defp ending(fault), do: {:end, fault.name, fault}
end
