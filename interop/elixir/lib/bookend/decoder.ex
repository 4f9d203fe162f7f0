defmodule Bookend.Decoder do
  @moduledoc """
  Turns bytes into frames, wherever reads split them (SPEC section 2): `feed/2` what was read, then call `next/1` until it
  returns `:more`.

  Memory grows with the bytes that have arrived, never with a claimed length (R8.1). The body of a frame is a copy: it does
  not keep the bytes alive that arrived with it. A fault is sticky.
  """

  alias Bookend.{Encoding, Fault, Frame}

  @header_length 8
  @end_length 2

  defstruct [
    :limit,
    buffer: "",
    # Whether the buffer is a part of a longer binary, which it keeps alive.
    is_part: false,
    # {kind, encoding, length} of the next frame, once its header is complete and legal.
    header: nil,
    # The length of buffer at which there is something to do. Until then it is only appended to, which needs no copy.
    wanted: 1,
    # The offsets in the stream of the next frame, and after the last byte that was examined.
    start: 0,
    examined: 0,
    fault: nil
  ]

  @opaque t :: %__MODULE__{}

  @doc "Returns a decoder of frames with a body of at most `limit` bytes."
  @spec new(non_neg_integer) :: t
  def new(limit), do: %__MODULE__{limit: limit}

  @doc "Changes the limit, starting with the next frame."
  @spec set_limit(t, non_neg_integer) :: t
  def set_limit(decoder, limit), do: %{decoder | limit: limit}

  @doc "Returns the number of bytes of the next frame that have arrived; 0 between frames."
  @spec pending(t) :: non_neg_integer
  def pending(decoder), do: byte_size(decoder.buffer)

  @doc "Adds bytes that have arrived."
  @spec feed(t, binary) :: t
  def feed(decoder, ""), do: decoder
  def feed(%{buffer: ""} = decoder, octets), do: %{decoder | buffer: octets, is_part: true}

  def feed(%{buffer: buffer} = decoder, octets),
    do: %{decoder | buffer: <<buffer::binary, octets::binary>>, is_part: false}

  @doc "Returns the next frame, `:more` while it is not complete, or a fault: bad-start, unknown-encoding, too-long or bad-end."
  @spec next(t) :: {:ok, Frame.t(), t} | {:more, t} | {:error, Fault.t(), t}
  def next(decoder) do
    case header(decoder) do
      {:ok, {kind, encoding, length}, decoder} -> finish(decoder, kind, encoding, length)
      other -> other
    end
  end

  @doc false
  # The kind, encoding and length of the next frame.
  def header(%{fault: %Fault{} = fault} = decoder), do: {:error, fault, decoder}
  def header(%{header: {_, _, _} = header} = decoder), do: {:ok, header, decoder}

  def header(%{buffer: buffer} = decoder) do
    case read_header(buffer, decoder.limit) do
      :more ->
        {:more, settle(decoder, byte_size(buffer) + 1)}

      {kind, encoding, length} ->
        header = {kind, Encoding.from_byte(encoding), length}
        {:ok, header, %{decoder | header: header, wanted: @header_length + length + 1}}

      %Fault{name: "too-long"} = fault ->
        fail(decoder, %{fault | offset: decoder.start + fault.offset}, @header_length)

      %Fault{offset: at} = fault ->
        fail(decoder, %{fault | offset: decoder.start + at}, at + 1)
    end
  end

  @doc false
  # As many bytes of the next frame's body as have arrived, but at most `most`.
  def body_so_far(%{buffer: buffer, header: {_kind, _encoding, length}}, most) do
    binary_part(buffer, @header_length, Enum.min([length, most, byte_size(buffer) - @header_length]))
  end

  @doc false
  # Makes a fault in the first `examined` bytes of the next frame sticky.
  def fail(decoder, fault, examined),
    do: {:error, fault, %{decoder | fault: fault, examined: decoder.start + examined}}

  @doc false
  # How many bytes have arrived after the last one that was examined.
  def unused(decoder), do: decoder.start + byte_size(decoder.buffer) - decoder.examined

  @doc false
  # Frees the bytes that nobody will read.
  def drop(decoder), do: %{decoder | buffer: "", is_part: false}

  defp read_header(<<first, _::binary>>, _limit) when first != 0xF5, do: found("bad-start", first, 0)
  defp read_header(<<_, second, _::binary>>, _limit) when second != 0xF8, do: found("bad-start", second, 1)
  defp read_header(<<_::24, code, _::binary>>, _limit) when code > 4, do: found("unknown-encoding", code, 3)

  defp read_header(<<_::32, length::32, _::binary>>, limit) when length > limit or length > 0x7FFFFFFF,
    do: Fault.new("too-long", "#{length} bytes, the limit is #{limit}", 4)

  defp read_header(<<_::16, kind, encoding, length::32, _::binary>>, _limit), do: {kind, encoding, length}
  defp read_header(_incomplete, _limit), do: :more

  defp finish(%{buffer: buffer, wanted: wanted} = decoder, _kind, _encoding, _length)
       when byte_size(buffer) < wanted,
       do: {:more, settle(decoder, wanted)}

  defp finish(%{buffer: buffer} = decoder, kind, encoding, length) do
    case buffer do
      <<_::64, body::binary-size(length), 0xF8, 0xF5, rest::binary>> ->
        start = decoder.start + @header_length + length + @end_length
        frame = %Frame{kind: kind, encoding: encoding, body: :binary.copy(body)}

        {:ok, frame,
         %{decoder | buffer: rest, is_part: true, header: nil, wanted: 1, start: start, examined: start}}

      <<_::64, _::binary-size(length), 0xF8>> ->
        {:more, settle(decoder, byte_size(buffer) + 1)}

      <<_::64, _::binary-size(length), 0xF8, second, _::binary>> ->
        bad_end(decoder, second, @header_length + length + 1)

      <<_::64, _::binary-size(length), first, _::binary>> ->
        bad_end(decoder, first, @header_length + length)
    end
  end

  defp bad_end(decoder, found, at), do: fail(decoder, found("bad-end", found, decoder.start + at), at + 1)

  # Before a wait, an incomplete frame must not keep the frames alive that arrived with it.
  defp settle(%{is_part: true} = decoder, wanted),
    do: settle(%{decoder | buffer: :binary.copy(decoder.buffer), is_part: false}, wanted)

  defp settle(decoder, wanted), do: %{decoder | wanted: wanted}

  defp found(name, octet, offset),
    do: Fault.new(name, "found " <> Base.encode16(<<octet>>, case: :lower), offset)
end
