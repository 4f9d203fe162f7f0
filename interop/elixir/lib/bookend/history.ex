defmodule Bookend.Query do
  @moduledoc """
  Asks a hub for the last `count` messages of the room that it has kept and whose number is less than `before`, or for the
  last ones that contain `text`, in upper or lower case (SPEC section 9, History). `text` has at most 256 bytes; "" is none.
  """

  alias Bookend.{Fault, Payload}

  defstruct before: 0xFFFFFFFFFFFFFFFF, count: 1, text: ""

  @type t :: %__MODULE__{before: non_neg_integer, count: pos_integer, text: String.t()}

  @doc "Returns the query in the payload of a REQUEST, or `:error` if it is none, which a hub answers with policy."
  @spec parse(Payload.t()) :: {:ok, t} | :error
  def parse(%Payload{encoding: :binary, octets: <<type, before::64, count::32, text::binary>>}) do
    query = %__MODULE__{before: before, count: count, text: text}
    if type == type(query) and sound?(query), do: {:ok, query}, else: :error
  end

  def parse(_payload), do: :error

  @doc "Returns the payload of the REQUEST. The fault is malformed."
  @spec payload(t) :: {:ok, Payload.t()} | {:error, Fault.t()}
  def payload(query) do
    if sound?(query),
      do: {:ok, Payload.binary(<<type(query), query.before::64, query.count::32, query.text::binary>>)},
      else: {:error, Fault.new("malformed", "a query has a count, and a text of at most 256 bytes of UTF-8")}
  end

  defp type(%{text: ""}), do: 1
  defp type(_search), do: 2

  defp sound?(query) do
    query.before in 0..0xFFFFFFFFFFFFFFFF and query.count in 1..0xFFFFFFFF and byte_size(query.text) <= 256 and
      String.valid?(query.text)
  end
end

defmodule Bookend.Page do
  @moduledoc """
  Messages that a hub has kept, oldest first. The entries are messages of the kind `:delivery`, or `:gap` where messages are
  not there. `lost_before` is `nil` if there may be earlier ones: ask again before the first entry. Otherwise it says how
  many earlier messages of the room are not there, 0 after a search.
  """

  alias Bookend.{Decoder, Fault, Frame, Message, Payload}

  defstruct entries: [], lost_before: nil

  @type t :: %__MODULE__{entries: [Message.t()], lost_before: non_neg_integer | nil}

  @doc "Returns the page in the payload of a REPLY. The fault is malformed."
  @spec parse(Payload.t()) :: {:ok, t} | {:error, Fault.t()}
  def parse(%Payload{encoding: :binary, octets: octets}) do
    decoder = Decoder.new(Frame.max_length()) |> Decoder.feed(octets)

    case entries(decoder, []) do
      [%Message{kind: :gap} = first | entries] ->
        {:ok, %__MODULE__{entries: entries, lost_before: first.missed}}

      [_ | _] = entries ->
        {:ok, %__MODULE__{entries: entries}}

      _none ->
        no_page()
    end
  end

  def parse(_payload), do: no_page()

  defp entries(decoder, entries) do
    with {:ok, frame, decoder} <- Decoder.next(decoder),
         {:ok, %Message{kind: kind} = entry} when kind in [:delivery, :gap] <- Message.parse(frame) do
      entries(decoder, [entry | entries])
    else
      {:more, decoder} -> if Decoder.pending(decoder) == 0, do: Enum.reverse(entries)
      _no_entry -> nil
    end
  end

  defp no_page, do: {:error, Fault.new("malformed", "the answer is not a page of history")}
end
