defmodule Bookend.Payload do
  @moduledoc """
  Text in one of the four encodings, or binary (SPEC section 5). `text/2`, `text_for/2`, `binary/1` and `decode/2` make
  legal ones. `octets` are the bytes to send, without byte order marks; `text` is a string, or `nil` if the payload is
  binary; `had_mark` tells whether a byte order mark was removed, of which the sender should be warned (R5.6).
  """

  alias Bookend.{Encoding, Fault}

  defstruct encoding: :binary, octets: "", text: nil, had_mark: false

  @type t :: %__MODULE__{encoding: Encoding.t(), octets: binary, text: String.t() | nil, had_mark: boolean}

  @mark "\uFEFF"
  @not_first "\uFFFE"

  @doc "Returns a binary payload."
  @spec binary(iodata) :: t
  def binary(octets), do: %__MODULE__{octets: IO.iodata_to_binary(octets)}

  @doc """
  Encodes a string. The fault is unmappable-text if the encoding cannot carry a character, or if the string is not UTF-8;
  its offset is that of the character in the string. Leading byte order marks are removed (R5.5). Nothing is replaced.
  """
  @spec text(String.t(), Encoding.t()) :: {:ok, t} | {:error, Fault.t()}
  def text(text, encoding) when encoding != :binary do
    value = if encoding == :ascii, do: text, else: without_marks(text)

    case unmappable_at(value, encoding) do
      nil ->
        {:ok, %__MODULE__{encoding: encoding, octets: encoded(value, encoding), text: value}}

      at ->
        offset = byte_size(text) - byte_size(value) + at

        {:error,
         Fault.new("unmappable-text", "byte #{offset} of the text in #{Encoding.name(encoding)}", offset)}
    end
  end

  @doc "Encodes a string in the wanted encoding if it can carry the text, otherwise in UTF-8 (R5.12)."
  @spec text_for(String.t(), Encoding.t()) :: {:ok, t} | {:error, Fault.t()}
  def text_for(text, :binary), do: text(text, :utf8)

  def text_for(text, wanted) do
    with {:error, _fault} <- text(without_marks(text), wanted), do: text(text, :utf8)
  end

  @doc """
  Decodes received bytes. One leading byte order mark is removed from the text (R5.6), and all of them from `octets`, so
  that none is sent if the payload is sent on. The fault is bad-text, with its offset in the bytes (R5.9).
  """
  @spec decode(binary, Encoding.t()) :: {:ok, t} | {:error, Fault.t()}
  def decode(octets, :binary), do: {:ok, %__MODULE__{octets: octets}}

  def decode(octets, encoding) do
    case decoded(octets, encoding) do
      {:bad, at} ->
        {:error, Fault.new("bad-text", "byte #{at}", at)}

      # A byte order mark is not ASCII: text in ASCII has none.
      text when encoding in [:ascii, :utf8] ->
        {:ok, strip(%__MODULE__{encoding: encoding, octets: octets, text: text}, 3)}

      text ->
        {:ok, strip(%__MODULE__{encoding: encoding, octets: octets, text: text}, 2)}
    end
  end

  @doc false
  # Rejects a received text that must not be sent because it would begin with U+FFFE in UTF-16 (R5.15).
  def check(%__MODULE__{encoding: :utf16be, octets: <<0xFF, 0xFE, _::binary>>}), do: starts_illegally()
  def check(%__MODULE__{encoding: :utf16le, octets: <<0xFE, 0xFF, _::binary>>}), do: starts_illegally()
  def check(_payload), do: :ok

  @doc "Returns text for a terminal: unprintable characters become `\\u{hex}`, and bytes that are not UTF-8 `\\xhex`."
  @spec printable(binary) :: String.t()
  def printable(text), do: printable(text, "")

  defp printable(<<c::utf8, rest::binary>>, shown) do
    if unprintable?(c),
      do: printable(rest, <<shown::binary, "\\u{#{hex(c)}}">>),
      else: printable(rest, <<shown::binary, c::utf8>>)
  end

  defp printable(<<octet, rest::binary>>, shown), do: printable(rest, <<shown::binary, "\\x#{hex(octet)}">>)
  defp printable("", shown), do: shown

  @doc "Tells whether a plain line must not contain a character: controls, line separators, bidirectional controls (R4.11)."
  @spec unprintable?(char) :: boolean
  def unprintable?(c) do
    c < 0x20 or c in 0x7F..0x9F or c in 0x2028..0x2029 or c == 0x061C or c in 0x200E..0x200F or
      c in 0x202A..0x202E or c in 0x2066..0x2069
  end

  @doc false
  # Whether a name is a plain line of `least` to `most` bytes of UTF-8.
  def plain_line?(name, least, most), do: byte_size(name) in least..most and plain?(name)

  defp plain?(<<c::utf8, rest::binary>>), do: not unprintable?(c) and plain?(rest)
  defp plain?(rest), do: rest == ""

  defp strip(payload, mark_length) do
    sent = without_marks(payload.text)
    marks = div(byte_size(payload.text) - byte_size(sent), 3)
    <<_::binary-size(marks * mark_length), octets::binary>> = payload.octets

    case payload.text do
      @mark <> text -> %{payload | octets: octets, text: text, had_mark: true}
      _text -> %{payload | octets: octets}
    end
  end

  defp without_marks(@mark <> rest), do: without_marks(rest)
  defp without_marks(text), do: text

  # The offset of the first character that an encoding cannot carry, or nil.
  defp unmappable_at(text, :ascii), do: high_at(text, 0)

  defp unmappable_at(@not_first <> _, encoding) when encoding in [:utf16be, :utf16le], do: 0
  defp unmappable_at(text, _encoding), do: ill_formed_at(text)

  defp encoded(text, encoding) when encoding in [:ascii, :utf8], do: text
  defp encoded(text, :utf16be), do: for(<<c::utf8 <- text>>, into: "", do: <<c::utf16-big>>)
  defp encoded(text, :utf16le), do: for(<<c::utf8 <- text>>, into: "", do: <<c::utf16-little>>)

  # The text with its byte order marks, or {:bad, offset}.
  defp decoded(octets, :ascii), do: sound(octets, high_at(octets, 0))
  defp decoded(octets, :utf8), do: sound(octets, ill_formed_at(octets))
  defp decoded(<<0xFF, 0xFE, _::binary>>, :utf16be), do: {:bad, 0}
  defp decoded(<<0xFE, 0xFF, _::binary>>, :utf16le), do: {:bad, 0}
  defp decoded(octets, :utf16be), do: from_utf16be(octets, byte_size(octets), "")
  defp decoded(octets, :utf16le), do: from_utf16le(octets, byte_size(octets), "")

  defp sound(octets, nil), do: octets
  defp sound(_octets, at), do: {:bad, at}

  defp from_utf16be(<<c::utf16-big, rest::binary>>, length, text),
    do: from_utf16be(rest, length, <<text::binary, c::utf8>>)

  defp from_utf16be("", _length, text), do: text
  defp from_utf16be(rest, length, _text), do: {:bad, length - byte_size(rest)}

  defp from_utf16le(<<c::utf16-little, rest::binary>>, length, text),
    do: from_utf16le(rest, length, <<text::binary, c::utf8>>)

  defp from_utf16le("", _length, text), do: text
  defp from_utf16le(rest, length, _text), do: {:bad, length - byte_size(rest)}

  defp high_at(<<c, rest::binary>>, at) when c < 0x80, do: high_at(rest, at + 1)
  defp high_at("", _at), do: nil
  defp high_at(_rest, at), do: at

  # The offset of the first sequence that is not UTF-8, or nil.
  defp ill_formed_at(octets) do
    case :unicode.characters_to_binary(octets) do
      {_error, sound, _rest} -> byte_size(sound)
      _sound -> nil
    end
  end

  defp starts_illegally,
    do: {:error, Fault.new("unmappable-text", "the text begins with U+FFFE in UTF-16", 0)}

  defp hex(number), do: number |> Integer.to_string(16) |> String.downcase()
end
