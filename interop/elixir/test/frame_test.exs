defmodule Bookend.FrameTest do
  use ExUnit.Case, async: true
  import Support
  alias Bookend.{Decoder, Frame}

  defp all(decoder, frames \\ []) do
    case Decoder.next(decoder) do
      {:ok, frame, decoder} -> all(decoder, [frame | frames])
      {:more, decoder} -> {Enum.reverse(frames), decoder}
      {:error, fault, decoder} -> {Enum.reverse(frames), fault, decoder}
    end
  end

  test "a frame may contain the bytes of another" do
    frame = %Frame{kind: 2, encoding: :binary, body: frame(2, :utf8, "6869")}
    assert {[^frame], _decoder} = Decoder.new(100) |> Decoder.feed(Frame.encode(frame)) |> all()
  end

  test "the same bytes give the same frames, wherever they are split [R2.15]" do
    stream = frame(2, :utf8, "6869") <> frame(2, :binary, "") <> frame(0xC0, :ascii, "f5f8f8f5") <> "x"
    {frames, fault, _decoder} = Decoder.new(100) |> Decoder.feed(stream) |> all()
    assert length(frames) == 3 and fault.name == "bad-start" and fault.offset == byte_size(stream) - 1

    for size <- 1..byte_size(stream) do
      pieces =
        for at <- 0..(byte_size(stream) - 1)//size,
            do: binary_part(stream, at, min(size, byte_size(stream) - at))

      {found, result} =
        Enum.reduce_while(pieces, {[], Decoder.new(100)}, fn piece, {found, decoder} ->
          case decoder |> Decoder.feed(piece) |> all() do
            {more, decoder} -> {:cont, {found ++ more, decoder}}
            {more, fault, _decoder} -> {:halt, {found ++ more, fault}}
          end
        end)

      assert found == frames and result == fault
    end
  end

  test "a fault is sticky [R2.14]" do
    {[], fault, decoder} = Decoder.new(1) |> Decoder.feed(frame(2, :utf8, "6869")) |> all()
    assert fault.name == "too-long" and fault.offset == 4
    assert {[], ^fault, _decoder} = decoder |> Decoder.feed(frame(2, :utf8, "")) |> all()
  end

  test "a body does not keep the bytes alive that arrived with it [R8.1]" do
    stream =
      frame(2, :binary, String.duplicate("00", 100)) <> frame(2, :binary, String.duplicate("00", 100_000))

    {[first, _second], _decoder} = Decoder.new(1_000_000) |> Decoder.feed(stream) |> all()
    assert :binary.referenced_byte_size(first.body) == 100
  end

  test "an incomplete frame does not keep the frames alive that arrived before it [R8.1]" do
    stream = frame(2, :binary, String.duplicate("00", 100_000)) <> <<0xF5, 0xF8>>
    {[_frame], decoder} = Decoder.new(1_000_000) |> Decoder.feed(stream) |> all()
    assert :binary.referenced_byte_size(decoder.buffer) < 1_000
  end

  test "memory follows what has arrived, not the claimed length, and not the number of reads [R8.1]" do
    decoder = Decoder.new(0x7FFFFFFF) |> Decoder.feed(<<0xF5, 0xF8, 2, 0, 0x7FFFFFFF::32>>)

    decoder =
      Enum.reduce(1..100_000, decoder, fn _read, decoder ->
        {:more, decoder} = decoder |> Decoder.feed("x") |> Decoder.next()
        decoder
      end)

    assert Decoder.pending(decoder) == 100_008
    assert :binary.referenced_byte_size(decoder.buffer) <= 2 * 100_008 + 0x10000
    assert :erts_debug.flat_size(decoder) * :erlang.system_info(:wordsize) < 10_000
  end
end
