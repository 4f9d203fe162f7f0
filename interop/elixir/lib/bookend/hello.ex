defmodule Bookend.Hello do
  @moduledoc """
  The first frame of each side (SPEC section 4). `%Bookend.Hello{}` has the defaults: all encodings accepted, text as sent,
  1 MiB, 30 s.

    * `accepted`: bit n set means that encoding n is accepted
    * `preferred`: the encoding in which text is wanted; `:binary` means as sent
    * `max_body`: 1,024..2,147,483,647 bytes
    * `keepalive`: seconds, 0 is no promise
    * `hub`: whether this side speaks the hub profile
    * `name`, `room`, `software`: plain lines of at most 64 bytes, `nil` if absent
    * `token`: a password of at most 255 bytes, not shown by `inspect/1`; do not log it
    * `resume`: the number of the last message received
    * `client`: set by a session according to its role
    * `requests`: how many REQUESTs of the other side may be unanswered; `nil` means 64
  """

  import Bitwise
  alias Bookend.{Encoding, Fault, Payload}

  @derive {Inspect, except: [:token]}
  defstruct minor: 0,
            accepted: 0x1F,
            preferred: :binary,
            max_body: 0x100000,
            keepalive: 30,
            hub: false,
            name: nil,
            room: nil,
            token: nil,
            resume: nil,
            software: nil,
            client: false,
            requests: nil

  @type t :: %__MODULE__{
          minor: byte,
          accepted: 7..31,
          preferred: Encoding.t(),
          max_body: 1024..0x7FFFFFFF,
          keepalive: 0..0xFFFF,
          hub: boolean,
          name: String.t() | nil,
          room: String.t() | nil,
          token: binary | nil,
          resume: non_neg_integer | nil,
          software: String.t() | nil,
          client: boolean,
          requests: 0..0xFFFFFFFF | nil
        }

  @prefix <<"BKND", 0x0D, 0x0A, 0x1A, 0x0A, 0xFF, 0x11, 0x0D, 0x00>>
  @magic_length 4
  @major 1
  @all 0x1F
  # Binary, ASCII and UTF-8 (R4.13).
  @everyone 0x07
  @options %{1 => :name, 2 => :room, 3 => :token, 4 => :resume, 5 => :software, 7 => :client, 8 => :requests}

  @doc "Returns a HELLO with the defaults and these fields; for Erlang, which has no syntax for structs."
  @spec new(Enumerable.t()) :: t
  def new(fields \\ []), do: struct!(__MODULE__, fields)

  @doc "Tells whether the sender accepts an encoding."
  @spec accepts?(t, Encoding.t()) :: boolean
  def accepts?(hello, encoding), do: (hello.accepted >>> Encoding.to_byte(encoding) &&& 1) == 1

  @doc "Returns how many REQUESTs of the other side may be unanswered (R3.16)."
  @spec max_requests(t) :: 0..0xFFFFFFFF
  def max_requests(hello), do: hello.requests || 64

  @doc "Returns the body of the frame, with the options in the order of their types. The fault is bad-hello."
  @spec encode(t) :: {:ok, binary} | {:error, Fault.t()}
  def encode(hello) do
    with :ok <- check(hello) do
      flag = if hello.hub, do: 1, else: 0

      options =
        for type <- Enum.sort(Map.keys(@options)),
            into: "",
            do: option(type, Map.fetch!(hello, @options[type]))

      {:ok,
       <<@prefix, @major, hello.minor, hello.accepted, Encoding.to_byte(hello.preferred), hello.max_body::32,
         hello.keepalive::16, flag::16, options::binary>>}
    end
  end

  defp option(_type, absent) when absent in [nil, false, ""], do: ""
  defp option(type, true), do: <<type, 0>>
  defp option(4, seq), do: <<4, 8, seq::64>>
  defp option(8, count), do: <<8, 4, count::32>>
  defp option(type, value), do: <<type, byte_size(value), value::binary>>

  @doc "Decodes a body and checks it in the order of R4.19. The fault is bad-hello, bad-canary or version."
  @spec parse(binary) :: {:ok, t} | {:error, Fault.t()}
  def parse(body) do
    with :ok <- check_prefix(body),
         {:ok, hello, options} <- parse_fixed(body),
         {:ok, hello} <- parse_options(options, hello, []),
         :ok <- check(hello) do
      {:ok, hello}
    else
      {:error, fault, _at} -> {:error, fault}
      {:error, fault} -> {:error, fault}
    end
  end

  @doc false
  # Checks as much of the magic and canary as has arrived (R4.7), and returns the place of a fault in the body too.
  def check_prefix(body) do
    case :binary.longest_common_prefix([body, @prefix]) do
      at when at == byte_size(@prefix) or at == byte_size(body) -> :ok
      at when at < @magic_length -> mismatch("bad-hello", "magic", body, at, at)
      at -> mismatch("bad-canary", "canary", body, at, at - @magic_length)
    end
  end

  defp mismatch(name, what, body, at, place) do
    found = body |> binary_part(at, 1) |> Base.encode16(case: :lower)
    {:error, Fault.new(name, "byte #{place} of the #{what} is #{found}"), at}
  end

  defp parse_fixed(
         <<_::binary-size(12), major, minor, accepted, preferred, max_body::32, keepalive::16, features::16,
           options::binary>>
       ) do
    cond do
      major != @major ->
        {:error, Fault.new("version", "found major version #{major}, this side has #{@major}")}

      preferred > 4 ->
        bad("preferred is #{preferred}")

      true ->
        {:ok, fixed(minor, accepted, preferred, max_body, keepalive, features), options}
    end
  end

  defp parse_fixed(body), do: bad("#{byte_size(body)} bytes")

  defp fixed(minor, accepted, preferred, max_body, keepalive, features) do
    %__MODULE__{
      minor: minor,
      accepted: accepted &&& @all,
      preferred: Encoding.from_byte(preferred),
      max_body: max_body,
      keepalive: keepalive,
      hub: (features &&& 1) == 1
    }
  end

  defp parse_options("", hello, _seen), do: {:ok, hello}

  defp parse_options(<<type, length, value::binary-size(length), rest::binary>>, hello, seen) do
    case @options do
      %{^type => field} ->
        with false <- type in seen,
             {:ok, value} <- option_value(field, value) do
          parse_options(rest, Map.replace!(hello, field, value), [type | seen])
        else
          true -> bad("the option #{field} occurs twice")
          :error -> bad("the option #{field} has #{length} bytes")
        end

      # R4.12
      _unknown ->
        parse_options(rest, hello, seen)
    end
  end

  defp parse_options(_cut, _hello, _seen), do: bad("an option runs past the end")

  defp option_value(:resume, <<seq::64>>), do: {:ok, seq}
  defp option_value(:client, ""), do: {:ok, true}
  defp option_value(:requests, <<count::32>>), do: {:ok, count}

  defp option_value(field, value) when field in [:name, :room, :token, :software] and value != "",
    do: {:ok, :binary.copy(value)}

  defp option_value(_field, _value), do: :error

  defp check(hello) do
    cond do
      (hello.accepted &&& @everyone) != @everyone or hello.accepted > @all ->
        bad("accepted is #{hello.accepted}")

      not accepts?(hello, hello.preferred) ->
        bad("the preferred encoding is not accepted")

      hello.max_body not in 1024..0x7FFFFFFF ->
        bad("max body is #{hello.max_body}")

      hello.minor not in 0..0xFF or hello.keepalive not in 0..0xFFFF ->
        bad("keepalive is #{hello.keepalive}")

      (hello.resume || 0) not in 0..0xFFFFFFFFFFFFFFFF ->
        bad("resume is #{hello.resume}")

      max_requests(hello) not in 0..0xFFFFFFFF ->
        bad("requests is #{hello.requests}")

      byte_size(hello.token || "") > 255 ->
        bad("the token has more than 255 bytes")

      line = Enum.find([:name, :room, :software], &(not plain?(Map.fetch!(hello, &1)))) ->
        bad("#{line} is not a plain line of at most 64 bytes")

      true ->
        :ok
    end
  end

  defp plain?(line), do: Payload.plain_line?(line || "", 0, 64)

  defp bad(detail), do: {:error, Fault.new("bad-hello", detail)}
end
