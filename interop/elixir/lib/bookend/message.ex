defmodule Bookend.Message do
  @moduledoc """
  A decoded frame. Its kind determines which fields are used (SPEC sections 3 and 9):

  | kind | fields |
  |---|---|
  | `:message` | payload |
  | `:request`, `:reply` | id, payload |
  | `:error` | id (0: about no REQUEST), frame (the number of the frame that it is about), code, payload (its reason) |
  | `:ping`, `:pong` | payload, at most 64 bytes of binary |
  | `:close` | code, payload (its reason) |
  | `:welcome` | member, seq (of the next message), payload (the greeting) |
  | `:presence` | member, event, payload (the name); with `:crowd`, member is how many are in the room |
  | `:post` | to (0: everyone), payload |
  | `:delivery` | from (0: the hub), to, seq, time (milliseconds since 1970), name, payload |
  | `:gap` | missed |
  | `:cancel` | id |
  | 0xC0..0xEF | payload; private to the application |

  `number` is the number of the frame in which the message arrived, for an ERROR about it.
  """

  alias Bookend.{Fault, Frame, Payload}

  @enforce_keys [:kind]
  defstruct [
    :kind,
    payload: %Payload{},
    id: 0,
    frame: 0,
    code: 0,
    member: 0,
    event: :here,
    from: 0,
    to: 0,
    seq: 0,
    time: 0,
    name: "",
    missed: 0,
    number: 0
  ]

  @type kind ::
          :message
          | :request
          | :reply
          | :error
          | :ping
          | :pong
          | :close
          | :welcome
          | :presence
          | :post
          | :delivery
          | :gap
          | :cancel
          | 0xC0..0xEF
  @type event :: :here | :joined | :left | :crowd
  @type t :: %__MODULE__{kind: kind, payload: Payload.t(), event: event}

  @max_ping 64
  @max_name 64
  @max_reason 200
  @kinds [
    message: 0x02,
    request: 0x03,
    reply: 0x04,
    error: 0x05,
    ping: 0x06,
    pong: 0x07,
    close: 0x08,
    welcome: 0x10,
    presence: 0x11,
    post: 0x12,
    delivery: 0x13,
    gap: 0x14,
    cancel: 0x81
  ]

  @doc "Returns a message of a kind with these fields; for Erlang, which has no syntax for structs."
  @spec new(kind, Enumerable.t()) :: t
  def new(kind, fields \\ []), do: struct!(%__MODULE__{kind: kind}, fields)

  @doc false
  def kind_of(byte)
  @doc false
  def byte_of(kind)

  for {kind, byte} <- @kinds do
    def kind_of(unquote(byte)), do: unquote(kind)
    def byte_of(unquote(kind)), do: unquote(byte)
  end

  def kind_of(0x01), do: :hello
  def kind_of(private) when private in 0xC0..0xEF, do: private
  def kind_of(_unknown), do: nil
  def byte_of(private) when private in 0xC0..0xEF, do: private
  def byte_of(_unknown), do: nil

  @doc """
  Decodes a frame, with the hub profile in force. Kinds that must be ignored (R3.6), such as private ones that are not among
  the agreed ones, are `:ignored`. The fault is unknown-kind, malformed or bad-text. A reason that is not valid text is
  taken as empty (R3.21), unless `is_to_send`.
  """
  @spec parse(Frame.t(), Enumerable.t(), boolean) :: {:ok, t} | :ignored | {:error, Fault.t()}
  def parse(frame, agreed \\ [], is_to_send \\ false) do
    case kind_of(frame.kind) do
      nil when frame.kind >= 0x80 ->
        :ignored

      kind when kind in [nil, :hello] ->
        fault("unknown-kind", "found #{Integer.to_string(frame.kind, 16)}")

      kind when is_integer(kind) ->
        if kind in agreed, do: parse_known(kind, frame, is_to_send), else: :ignored

      kind ->
        parse_known(kind, frame, is_to_send)
    end
  end

  defp parse_known(kind, frame, is_to_send) do
    with {:ok, message, rest} <- parse_fields(layout(kind), frame.body, %__MODULE__{kind: kind}),
         {:ok, message, rest} <- parse_name(message, rest),
         :ok <- check_fields(message, frame.encoding),
         {:ok, payload} <- parse_payload(kind, rest, frame.encoding, is_to_send),
         message = %{message | payload: payload},
         :ok <- check_payload(message),
         do: {:ok, message}
  end

  # The numbers of the fixed part, in wire order, with their bits.
  defp layout(kind) when kind in [:request, :reply, :cancel], do: [id: 32]
  defp layout(:error), do: [id: 32, frame: 32, code: 16]
  defp layout(:close), do: [code: 16]
  defp layout(:welcome), do: [member: 32, seq: 64]
  defp layout(:presence), do: [member: 32, event: 8]
  defp layout(:post), do: [to: 32]
  defp layout(:delivery), do: [from: 32, to: 32, seq: 64, time: 64]
  defp layout(:gap), do: [missed: 64]
  defp layout(_kind), do: []

  defp parse_fields([], rest, message), do: {:ok, message, rest}

  defp parse_fields([{field, bits} | fields], octets, message) do
    case octets do
      <<value::size(bits), rest::binary>> ->
        parse_fields(fields, rest, Map.replace!(message, field, parsed(field, value)))

      _short ->
        malformed("#{message.kind} is too short")
    end
  end

  defp parsed(:event, value), do: Enum.at([:here, :joined, :left, :crowd], value)
  defp parsed(_field, value), do: value

  defp parse_name(%{kind: :delivery} = message, <<length, name::binary-size(length), rest::binary>>),
    do: {:ok, %{message | name: :binary.copy(name)}, rest}

  defp parse_name(%{kind: :delivery}, _short), do: malformed("delivery is too short")
  defp parse_name(message, rest), do: {:ok, message, rest}

  defp parse_payload(kind, octets, encoding, is_to_send) do
    case Payload.decode(octets, encoding) do
      {:error, _fault} when kind in [:error, :close] and not is_to_send ->
        {:ok, %Payload{encoding: encoding, text: ""}}

      decoded ->
        decoded
    end
  end

  @doc "Encodes the message as a frame. The fault is malformed, too-long or unmappable-text."
  @spec to_frame(t) :: {:ok, Frame.t()} | {:error, Fault.t()}
  def to_frame(message) do
    with {:ok, frame} <- encode(message),
         :ok <- Payload.check(message.payload),
         do: {:ok, frame}
  end

  @doc false
  # As to_frame/1, without the check for unmappable-text.
  def encode(%__MODULE__{kind: kind, payload: payload} = message) do
    with :ok <- check_numbers(message),
         :ok <- check_fields(message, payload.encoding),
         :ok <- check_payload(message),
         :ok <- check_sent_name(message) do
      fixed = for {field, bits} <- layout(kind), into: "", do: <<number(message, field)::size(bits)>>
      name = if kind == :delivery, do: <<byte_size(message.name), message.name::binary>>, else: ""
      body = <<fixed::binary, name::binary, payload.octets::binary>>

      if byte_size(body) > Frame.max_length(),
        do: fault("too-long", "#{byte_size(body)} bytes"),
        else: {:ok, %Frame{kind: byte_of(kind), encoding: payload.encoding, body: body}}
    end
  end

  @doc false
  # A reason of at most 200 bytes (R6.5), cut between characters.
  def reason(words, wanted),
    do: words |> Payload.printable() |> String.slice(0, @max_reason) |> shortened(wanted)

  defp shortened(words, wanted) do
    {:ok, payload} = Payload.text_for(words, wanted)

    if byte_size(payload.octets) <= @max_reason,
      do: payload,
      else: words |> String.slice(0..-2//1) |> shortened(wanted)
  end

  @doc false
  def max_reason, do: @max_reason

  defp number(message, :event), do: Enum.find_index([:here, :joined, :left, :crowd], &(&1 == message.event))
  defp number(message, field), do: Map.fetch!(message, field)

  defp check_numbers(message) do
    fits? = fn {field, bits} ->
      value = number(message, field)
      is_integer(value) and value >= 0 and value < Bitwise.bsl(1, bits)
    end

    case Enum.reject(layout(message.kind), fits?) do
      [] ->
        :ok

      [{field, _bits} | _] ->
        malformed("#{field} of #{message.kind} is #{inspect(Map.fetch!(message, field))}")
    end
  end

  defp check_fields(%{kind: kind}, encoding) when kind in [:ping, :pong, :gap] and encoding != :binary,
    do: malformed("#{kind} in #{encoding}")

  defp check_fields(%{kind: kind}, :binary) when kind in [:error, :close, :welcome, :presence],
    do: malformed("#{kind} in binary")

  defp check_fields(%{kind: :cancel}, encoding) when encoding != :binary,
    do: malformed("cancel in #{encoding}")

  defp check_fields(%{kind: kind, id: 0}, _) when kind in [:request, :reply, :cancel],
    do: malformed("#{kind} with id 0")

  defp check_fields(%{kind: :presence, event: nil}, _), do: malformed("presence with an unknown event")

  defp check_fields(%{kind: :delivery, name: name}, _) do
    if Payload.plain_line?(name, 0, @max_name), do: :ok, else: malformed("the name is not a plain line")
  end

  defp check_fields(_message, _encoding), do: :ok

  defp check_payload(%{kind: kind, payload: %{octets: octets}})
       when kind in [:ping, :pong] and byte_size(octets) > @max_ping,
       do: malformed("#{kind} of #{byte_size(octets)} bytes")

  defp check_payload(%{kind: kind, payload: %{octets: octets}}) when kind in [:gap, :cancel] and octets != "",
    do: malformed("#{kind} is too long")

  defp check_payload(%{kind: :presence, payload: %{text: name}}) do
    if Payload.plain_line?(name, 1, @max_name),
      do: :ok,
      else: malformed("the name is not a plain line of 1 to 64 bytes")
  end

  defp check_payload(_message), do: :ok

  # A name of a second byte order mark may be received, and would be sent without both (R5.5).
  defp check_sent_name(%{kind: :presence, payload: %{octets: ""}}),
    do: malformed("the name is empty without its marks")

  defp check_sent_name(_message), do: :ok

  defp malformed(detail), do: fault("malformed", detail)
  defp fault(name, detail), do: {:error, Fault.new(name, detail)}
end
