defmodule Bookend.Encoding do
  @moduledoc "The fourth byte of a header: how a payload's text is encoded. `:binary` means that it is not text."

  @type t :: :binary | :ascii | :utf8 | :utf16be | :utf16le

  @names [binary: "binary", ascii: "US-ASCII", utf8: "UTF-8", utf16be: "UTF-16BE", utf16le: "UTF-16LE"]

  @doc "Returns the byte of an encoding, 0..4."
  @spec to_byte(t) :: 0..4
  def to_byte(encoding)

  @doc "Returns the encoding of a byte 0..4."
  @spec from_byte(0..4) :: t
  def from_byte(byte)

  @doc "Returns the encoding's name, for people."
  @spec name(t) :: String.t()
  def name(encoding)

  for {{encoding, name}, byte} <- Enum.with_index(@names) do
    def to_byte(unquote(encoding)), do: unquote(byte)
    def from_byte(unquote(byte)), do: unquote(encoding)
    def name(unquote(encoding)), do: unquote(name)
  end
end

defmodule Bookend.Frame do
  @moduledoc "One unit on the wire (SPEC section 2). `kind` is a byte; the body has at most 2,147,483,647 bytes."

  alias Bookend.Encoding

  @enforce_keys [:kind]
  defstruct [:kind, encoding: :binary, body: ""]

  @type t :: %__MODULE__{kind: byte, encoding: Encoding.t(), body: binary}

  @doc "The longest possible body, in bytes (R2.6)."
  def max_length, do: 0x7FFFFFFF

  @doc "Returns the bytes of the frame."
  @spec encode(t) :: binary
  def encode(%__MODULE__{kind: kind, encoding: encoding, body: body}) do
    <<0xF5, 0xF8, kind, Encoding.to_byte(encoding), byte_size(body)::32, body::binary, 0xF8, 0xF5>>
  end

  @doc "Returns the frame in the bytes of exactly one frame, such as `encode/1` returns."
  @spec from_bytes(binary) :: t
  def from_bytes(<<0xF5, 0xF8, kind, encoding, length::32, body::binary-size(length), 0xF8, 0xF5>>) do
    %__MODULE__{kind: kind, encoding: Encoding.from_byte(encoding), body: body}
  end
end
