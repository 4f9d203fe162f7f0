defmodule Bookend.Chat do
  @moduledoc """
  A chat client of a hub on standard input and output. It posts each line of input to the room, or to one member with
  `/to ID text`, and prints each message on one line.
  """

  alias Bookend.{Connection, Fault, Message, Payload, PeerError}
  alias Bookend.Chat.{Options, Show}

  @no_requests Fault.new("policy", "this is a chat client, which answers no requests")

  @doc "Exits with 0 on success, 1 after a fault, 2 for a wrong option."
  def main(words) do
    # Bytes, without a conversion that depends on the locale.
    :ok = :io.setopts(:standard_io, binary: true, encoding: :latin1)
    :ok = :io.setopts(:standard_error, encoding: :latin1)

    case Options.parse(words) do
      {:ok, options} ->
        options |> run() |> System.halt()

      {:error, reason} ->
        report(reason)
        report(Options.usage())
        System.halt(2)
    end
  end

  @doc "Takes part until everything is sent and confirmed, or `--count` messages have arrived. Returns the exit status."
  def run(options) do
    case Connection.connect(options.host, options.port, options.hello, socket_options: family(options.host)) do
      {:ok, connection} ->
        is_hub = Connection.hub?(connection)
        unless is_hub, do: post_all(connection, options)
        reading = receive_all(connection, options, 0, 0)
        Connection.close(connection)
        if reading == :ok and not failed?(), do: 0, else: 1

      {:error, reason} ->
        report("#{options.host}:#{options.port}: #{explained(reason)}")
        1
    end
  end

  defp family(host) do
    if match?({:ok, {_, _, _, _, _, _, _, _}}, host |> String.to_charlist() |> :inet.parse_address()),
      do: [:inet6],
      else: []
  end

  # Receives until the end, and returns :ok or :error.
  defp receive_all(connection, options, member, count) do
    case Connection.recv(connection) do
      {:ok, message} ->
        member = if message.kind == :welcome, do: message.member, else: member
        react(connection, options, message)
        show(message, options, member)
        count = if message.kind in [:delivery, :message], do: count + 1, else: count

        # A PONG confirms that the peer has acted on everything that was sent.
        if message.kind == :pong or count == options.count,
          do: :ok,
          else: receive_all(connection, options, member, count)

      {:error, :closed} ->
        :ok

      {:error, reason} ->
        report(explained(reason))
        :error
    end
  end

  defp react(connection, options, %{kind: :welcome}), do: post_all(connection, options)

  defp react(_connection, _options, %{kind: :error} = message),
    do: fail(%PeerError{code: message.code, reason: message.payload.text})

  defp react(connection, _options, %{kind: :request} = message),
    do: Connection.refuse(connection, message, @no_requests)

  defp react(_connection, _options, _message), do: :ok

  defp show(message, options, member) do
    line = if options.json, do: Show.json(message), else: Show.plain(message, member)
    if line, do: IO.binwrite([line, ?\n])
  end

  # Another process posts the payloads of the command line and then each line of input. Afterwards it sends a PING to
  # confirm them, unless --count is given.
  defp post_all(connection, options) do
    spawn_link(fn ->
      for payload <- options.sends, do: check(Connection.post(connection, payload))
      post_lines(connection)
      if options.count == :infinity, do: Connection.send_message(connection, %Message{kind: :ping})
    end)
  end

  defp post_lines(connection) do
    case IO.binread(:stdio, :line) do
      line when is_binary(line) ->
        line |> String.trim_trailing("\n") |> String.trim_trailing("\r") |> post_line(connection)
        post_lines(connection)

      :eof ->
        :ok

      {:error, reason} ->
        fail("standard input: #{inspect(reason)}")
    end
  end

  defp post_line("/to " <> rest, connection) do
    with [id, text] <- String.split(rest, " ", parts: 2),
         {to, ""} when to in 1..0xFFFFFFFF <- Integer.parse(id) do
      check(Connection.post(connection, text, to))
    else
      _wrong -> fail("write /to ID text, where ID is a member's number")
    end
  end

  defp post_line(line, connection), do: check(Connection.post(connection, line))

  defp check(:ok), do: :ok
  defp check({:error, reason}), do: fail(reason)

  defp fail(reason) do
    :persistent_term.put(__MODULE__, :failed)
    report(explained(reason))
  end

  defp failed?, do: :persistent_term.get(__MODULE__, nil) == :failed

  defp explained(reason) when is_exception(reason), do: Exception.message(reason)
  defp explained(reason) when is_binary(reason), do: reason
  defp explained(:closed), do: "the peer closed the connection"
  defp explained(reason), do: "#{:inet.format_error(reason)}; does a hub listen there?"

  defp report(words), do: IO.binwrite(:standard_error, [Payload.printable(words), ?\n])
end

defmodule Bookend.Chat.Options do
  @moduledoc "The command line of the chat client."

  alias Bookend.{Encoding, Hello, Payload}

  defstruct host: nil, port: nil, hello: nil, count: :infinity, json: false, sends: []

  @preferences %{
    "as-sent" => :binary,
    "ascii" => :ascii,
    "utf-8" => :utf8,
    "utf-16be" => :utf16be,
    "utf-16le" => :utf16le
  }
  @software "bookend-elixir 0.1.0"

  def usage do
    "usage: chat HOST:PORT [--name NAME] [--room ROOM] [--encoding as-sent|ascii|utf-8|utf-16be|utf-16le] " <>
      "[--resume SEQ] [--count N] [--json] [--send-hex ENC HEX]..."
  end

  @doc "The options, or what is wrong with them."
  def parse(words) do
    hello = %Hello{hub: true, preferred: :utf8, software: @software}

    with {:ok, options} <- parse(words, %__MODULE__{hello: hello}) do
      case {options.host, Hello.encode(options.hello)} do
        {nil, _hello} -> {:error, "the address of the hub is missing: give HOST:PORT"}
        {_host, {:error, fault}} -> {:error, Exception.message(fault)}
        {_host, {:ok, _body}} -> {:ok, %{options | sends: Enum.reverse(options.sends)}}
      end
    end
  end

  defp parse([], options), do: {:ok, options}
  defp parse(["--json" | rest], options), do: parse(rest, %{options | json: true})
  defp parse(["--name", name | rest], options), do: parse(rest, put_in(options.hello.name, name))
  defp parse(["--room", room | rest], options), do: parse(rest, put_in(options.hello.room, room))

  defp parse(["--encoding", name | rest], options) do
    case @preferences do
      %{^name => preferred} -> parse(rest, put_in(options.hello.preferred, preferred))
      _unknown -> {:error, "--encoding: unknown encoding #{name}"}
    end
  end

  defp parse(["--count", word | rest], options) do
    case Integer.parse(word) do
      {count, ""} when count >= 1 -> parse(rest, %{options | count: count})
      _wrong -> {:error, "--count: #{word} is not a number from 1"}
    end
  end

  defp parse(["--resume", word | rest], options) do
    case Integer.parse(word) do
      {seq, ""} when seq in 0..0xFFFFFFFFFFFFFFFF -> parse(rest, put_in(options.hello.resume, seq))
      _wrong -> {:error, "--resume: #{word} is not the number of a message"}
    end
  end

  defp parse(["--send-hex", encoding, hex | rest], options) do
    with {:encoding, {byte, ""}} when byte in 0..4 <- {:encoding, Integer.parse(encoding)},
         {:hex, {:ok, octets}} <- {:hex, Base.decode16(hex, case: :mixed)},
         {:ok, payload} <- Payload.decode(octets, Encoding.from_byte(byte)) do
      parse(rest, %{options | sends: [payload | options.sends]})
    else
      {:encoding, _wrong} -> {:error, "--send-hex: #{encoding} is not an encoding from 0 to 4"}
      {:hex, :error} -> {:error, "--send-hex: #{hex} is not hex"}
      {:error, fault} -> {:error, "--send-hex: " <> Exception.message(fault)}
    end
  end

  defp parse(["-" <> _ = word | _rest], _options), do: {:error, "#{word} is no option, or needs a value"}

  defp parse([address | rest], %{host: nil} = options) do
    with [_, host, port] <- Regex.run(~r/\A\[?(.+?)\]?:([0-9]{1,5})\z/, address),
         port when port <= 0xFFFF <- String.to_integer(port) do
      parse(rest, %{options | host: host, port: port})
    else
      _wrong -> {:error, "#{address} is not HOST:PORT"}
    end
  end

  defp parse([word | _rest], _options), do: {:error, "unexpected argument #{word}"}
end

defmodule Bookend.Chat.Show do
  @moduledoc "Messages as lines, for people and as JSON."

  alias Bookend.{Encoding, Payload}

  @quoted_bytes 32

  # What makes a name look like the start of another line (R9.31): a colon before a blank or at the end, `*` or `!` at the
  # start or before a blank, the parenthesis of `(to `; and what looks like these.
  @colons "[:\u02d0\u02f8\u0589\u05c3\u0703\u0704\u0903\u0a83\u16ec\u1803\u1809\u205a\u2236\u2982\ua4fd\ua789\ufe13\ufe30\ufe55\uff1a]"
  @stars "[*!\u01c3\u066d\u204e\u2055\u2217\u2731\u2d51\ufe15\ufe57\ufe61\uff01\uff0a]"
  @parentheses "[(\u207d\u208d\u2768\u2772\u3014\ufd3e\ufe59\uff08]"
  @misleading "#{@colons}(?=\\s|\\z)|\\A#{@stars}|#{@stars}(?=\\s)|(?<!\\S)#{@parentheses}(?=[Tt][Oo]\\s)"

  @doc "A line for people, or `nil` if the message is not shown. `member` is this client's own number."
  def plain(%{kind: :message, payload: payload}, _member), do: shown(payload)

  def plain(%{kind: :delivery} = it, member) do
    receiver = if it.to == member, do: "you", else: it.to
    "#{displayed(it.name)}#{if it.to != 0, do: " (to #{receiver})"}: #{shown(it.payload)}"
  end

  def plain(%{kind: :presence, event: :crowd} = it, _member),
    do: "* #{it.member} in #{displayed(it.payload.text)}, too many to announce who joins and leaves"

  def plain(%{kind: :presence} = it, _member), do: "* #{displayed(it.payload.text)} #{it.event}"
  def plain(%{kind: :gap, missed: missed}, _member), do: "* #{missed} messages missed"
  def plain(_message, _member), do: nil

  @doc "A JSON object, or `nil` if the message is not shown."
  def json(%{kind: :message, payload: payload}), do: ~s({"event":"message",#{fields(payload)}})

  def json(%{kind: :delivery} = it) do
    ~s({"from":#{it.from},"name":#{quoted(it.name)},"to":#{it.to},"seq":#{it.seq},"time":#{it.time},#{fields(it.payload)}})
  end

  def json(%{kind: :welcome} = it),
    do:
      ~s({"event":"welcome","member":#{it.member},"next_seq":#{it.seq},"greeting":#{quoted(it.payload.text)}})

  def json(%{kind: :presence} = it),
    do: ~s({"event":"#{it.event}","member":#{it.member},"name":#{quoted(it.payload.text)}})

  def json(%{kind: :gap, missed: missed}), do: ~s({"event":"gap","missed":#{missed}})

  def json(%{kind: :error} = it),
    do: ~s({"event":"error","frame":#{it.frame},"code":#{it.code},"reason":#{quoted(it.payload.text)}})

  def json(_message), do: nil

  defp fields(%{text: nil, octets: octets}),
    do: ~s("encoding":0,"hex":"#{Base.encode16(octets, case: :lower)}")

  defp fields(payload),
    do: ~s("encoding":#{Encoding.to_byte(payload.encoding)},"text":#{quoted(payload.text)})

  defp shown(%{text: nil, octets: octets}) do
    shown =
      for <<octet <- binary_part(octets, 0, min(byte_size(octets), @quoted_bytes))>>,
        do: Base.encode16(<<octet>>, case: :lower)

    "[binary #{byte_size(octets)} bytes: #{Enum.join(shown, " ")}#{if byte_size(octets) > @quoted_bytes, do: " …"}]"
  end

  defp shown(payload), do: Payload.printable(payload.text)

  defp displayed(name) do
    escaped = Regex.replace(Regex.compile!(@misleading, "u"), name, fn <<c::utf8>> -> "\\u{#{hex(c)}}" end)
    Payload.printable(escaped)
  end

  defp quoted(text), do: IO.iodata_to_binary([?", for(<<c::utf8 <- text>>, do: character(c)), ?"])

  defp character(c) when c in [?", ?\\], do: [?\\, c]

  defp character(c) do
    if Payload.unprintable?(c), do: ["\\u", c |> hex() |> String.pad_leading(4, "0")], else: <<c::utf8>>
  end

  defp hex(c), do: c |> Integer.to_string(16) |> String.downcase()
end
