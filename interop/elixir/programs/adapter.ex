defmodule Bookend.Adapter do
  @moduledoc "Answers the vectors: reads one request per line and prints one answer per line (interop/README.md)."

  alias Bookend.{Decoder, Encoding, Frame, Hello, Message, Page, Payload, Query}
  alias Bookend.Adapter.{Sessions, Words}

  @fields [
    message: [:payload],
    request: [:id, :payload],
    reply: [:id, :payload],
    error: [:id, :frame, :code, :reason],
    ping: [:payload],
    pong: [:payload],
    close: [:code, :reason],
    welcome: [:member, :seq, :greeting],
    presence: [:member, :event, :name],
    post: [:to, :payload],
    delivery: [:from, :to, :seq, :time, :name, :payload],
    gap: [:missed],
    cancel: [:id]
  ]

  @doc "Answers until the end of standard input."
  def main do
    # Bytes, without a conversion that depends on the locale.
    :ok = :io.setopts(:standard_io, binary: true, encoding: :latin1)
    answer_all()
  end

  defp answer_all do
    case IO.binread(:stdio, :line) do
      line when is_binary(line) ->
        IO.binwrite([answer(String.trim_trailing(line)), ?\n])
        answer_all()

      _end ->
        :ok
    end
  end

  @doc "The answer to one request; `cannot: …` if the request is malformed."
  def answer(line) do
    case answer_words(String.split(line, " ")) do
      {:error, fault} -> Words.fault(fault)
      answer -> answer
    end
  rescue
    error -> "cannot: " <> (error |> Exception.message() |> Payload.printable())
  end

  defp answer_words(["frame", limit, cut, octets]) do
    decoder = Decoder.new(Words.number(limit))
    octets |> Words.pieces(cut) |> frames(decoder, []) |> Enum.join(" ")
  end

  defp answer_words(["encode", kind, encoding, body]) do
    "ok " <> (Words.frame(kind, encoding, body) |> Frame.encode() |> Words.hex())
  end

  defp answer_words(["text", encoding, octets]) do
    with {:ok, payload} <- Payload.decode(Words.octets(octets), Words.encoding(encoding)) do
      "ok #{Words.hex(payload.text)} #{if payload.had_mark, do: "bom", else: "nobom"}"
    end
  end

  defp answer_words(["encode-text", encoding, text]) do
    with {:ok, payload} <- Payload.text(Words.octets(text), Words.encoding(encoding)) do
      "ok " <> Words.hex(payload.octets)
    end
  end

  defp answer_words(["hello", body]) do
    with {:ok, hello} <- Hello.parse(Words.octets(body)),
         {:ok, wire} <- Hello.encode(hello) do
      Enum.join(["ok", fixed_words(hello), option_words(hello), "wire=" <> Words.hex(wire)], " ") |> squeeze()
    end
  end

  defp answer_words(["message", kind, encoding, body]) do
    with {:ok, message} <- Message.parse(Words.frame(kind, encoding, body)) do
      wire =
        case Message.to_frame(message) do
          {:ok, frame} -> Words.hex(frame.body)
          # In UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15).
          {:error, fault} -> Words.fault(fault)
        end

      fields = for field <- @fields[message.kind], do: "#{field}=#{value(message, field)} "
      "ok #{message.kind |> to_string() |> String.upcase()} #{fields}wire=#{wire}"
    else
      :ignored -> "ignored"
      {:error, fault} -> {:error, fault}
    end
  end

  defp answer_words(["query", payload]) do
    with {:ok, query} <- Query.parse(Payload.binary(Words.octets(payload))),
         {:ok, wire} <- Query.payload(query) do
      text = if query.text == "", do: "", else: "text=#{Words.hex(query.text)} "
      "ok before=#{query.before} count=#{query.count} #{text}wire=#{Words.hex(wire.octets)}"
    else
      _none -> "other"
    end
  end

  defp answer_words(["page", payload]) do
    case Page.parse(Payload.binary(Words.octets(payload))) do
      {:ok, page} -> Enum.join(["ok lost=#{page.lost_before || "-"}" | Enum.map(page.entries, &entry/1)], " ")
      {:error, _fault} -> "other"
    end
  end

  defp answer_words(["session", role, cut, hello | steps]) when role in ["client", "server"],
    do: Sessions.answer(if(role == "client", do: :client, else: :server), cut, Words.octets(hello), steps)

  defp frames([], decoder, items) do
    Enum.reverse([if(Decoder.pending(decoder) > 0, do: "more", else: "end") | items])
  end

  defp frames([piece | pieces], decoder, items) do
    case decoder |> Decoder.feed(piece) |> all_frames(items) do
      {:error, fault, items} -> Enum.reverse([Words.fault(fault) | items])
      {decoder, items} -> frames(pieces, decoder, items)
    end
  end

  defp all_frames(decoder, items) do
    case Decoder.next(decoder) do
      {:ok, frame, decoder} -> all_frames(decoder, [item(frame) | items])
      {:more, decoder} -> {decoder, items}
      {:error, fault, _decoder} -> {:error, fault, items}
    end
  end

  defp item(frame),
    do: "#{Words.hex(<<frame.kind>>)}:#{Encoding.to_byte(frame.encoding)}:#{Words.hex(frame.body)}"

  defp fixed_words(hello) do
    "major=1 minor=#{hello.minor} accepted=#{Words.hex(<<hello.accepted>>)} " <>
      "preferred=#{Encoding.to_byte(hello.preferred)} max-body=#{hello.max_body} keepalive=#{hello.keepalive} " <>
      "features=#{if hello.hub, do: 1, else: 0}"
  end

  defp option_words(hello) do
    for field <- [:name, :room, :token, :resume, :software, :client, :requests],
        value = Map.fetch!(hello, field),
        value not in [nil, false] do
      cond do
        is_binary(value) -> "#{field}=#{Words.hex(value)}"
        value == true -> "#{field}=1"
        true -> "#{field}=#{value}"
      end
    end
    |> Enum.join(" ")
  end

  defp squeeze(words), do: String.replace(words, "  ", " ")

  defp value(message, field) when field in [:payload, :reason, :greeting], do: shown(message.payload)
  defp value(%{kind: :presence} = message, :name), do: shown(message.payload)
  defp value(message, :name), do: Words.hex(message.name)
  defp value(message, :event), do: Enum.find_index([:here, :joined, :left, :crowd], &(&1 == message.event))
  defp value(message, field), do: Map.fetch!(message, field)

  defp entry(%{kind: :gap} = gap), do: "gap:#{gap.missed}"

  defp entry(it), do: "#{it.from}:#{it.seq}:#{it.time}:#{Words.hex(it.name)}:#{shown(it.payload)}"

  # Binary as it is, and text as UTF-8.
  defp shown(payload), do: Words.hex(payload.text || payload.octets)
end

defmodule Bookend.Adapter.Words do
  @moduledoc "The words of requests and answers."

  alias Bookend.{Encoding, Frame}

  def number(word), do: String.to_integer(word)

  def encoding(word), do: word |> number() |> Encoding.from_byte()

  def octets("-"), do: ""
  def octets(word), do: Base.decode16!(word, case: :lower)

  def hex(""), do: "-"
  def hex(octets), do: Base.encode16(octets, case: :lower)

  def frame(kind, encoding, body) do
    <<kind>> = octets(kind)
    %Frame{kind: kind, encoding: encoding(encoding), body: octets(body)}
  end

  # The input: whole, or in single bytes.
  def pieces(word, "whole"), do: [octets(word)]
  def pieces(word, "bytes"), do: for(<<octet <- octets(word)>>, do: <<octet>>)

  def fault(%{offset: nil, name: name}), do: "fault:#{name}"
  def fault(%{offset: offset, name: name}), do: "fault:#{name}:#{offset}"
end
