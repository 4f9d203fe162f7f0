defmodule Bookend.Connection do
  @moduledoc """
  A process that owns a socket and a `Bookend.Session`.

  It belongs to the process that made it, as a socket does: it is linked to its owner, and if the owner ends, it sends CLOSE
  `going-away` and ends too. `controlling_process/2` changes the owner. Any process may call the functions.

  The owner takes messages in one of two ways, and may change between them:

    * `recv/2` waits for the next one;
    * after `active_once/1` the owner is sent `{:bookend, connection, message}` once, as with `active: :once` of a socket;
      or `{:bookend_error, connection, %Bookend.Unreadable{}}`; or `{:bookend_closed, connection, reason}` at the end.

  The end is `:closed` if either side closed normally, else a `Bookend.Fault` or a `Bookend.PeerError`.

  Keep asking for messages: PONGs are sent when the application asks for what came after their PING (R3.10), and the socket
  is not read while more than a megabyte waits. `send_message/2` and `post/3` wait while the peer does not read; after
  10 seconds without progress the connection ends with the fault slow-consumer.
  """

  alias Bookend.{Fault, Hello, Message, Page, Payload, PeerError, Query, Session, Unreadable}
  alias Bookend.Connection.{Server, Transport}

  @type t :: pid
  @type socket :: :gen_tcp.socket() | :ssl.sslsocket()
  @type ending :: :closed | Fault.t() | PeerError.t()
  @type option :: {:agreed, Enumerable.t()} | {:timeout, timeout} | {:socket_options, list}

  @doc """
  Connects over TCP and exchanges HELLOs. The error is that of `:gen_tcp.connect/4`, a fault, or what the peer said in CLOSE.

  Options: `agreed`, the private kinds that the application takes (none by default); `timeout` for the connection, in
  milliseconds (5,000 by default; HELLO has its own 5 seconds); `socket_options` for `:gen_tcp.connect/4`.
  """
  @spec connect(String.t() | :inet.socket_address() | charlist, :inet.port_number(), Hello.t(), [option]) ::
          {:ok, t} | {:error, ending | :inet.posix() | :timeout}
  def connect(host, port, hello, options \\ []) do
    host = if is_binary(host), do: String.to_charlist(host), else: host
    socket_options = [:binary, active: false, nodelay: true] ++ Keyword.get(options, :socket_options, [])

    with {:ok, socket} <- :gen_tcp.connect(host, port, socket_options, Keyword.get(options, :timeout, 5_000)) do
      client(socket, hello, options)
    end
  end

  @doc """
  Exchanges HELLOs as the client over a connected socket of `:gen_tcp` or `:ssl`, which the calling process owns and which is
  not active. The connection takes it over.
  """
  @spec client(socket, Hello.t(), [option]) :: {:ok, t} | {:error, ending}
  def client(socket, hello, options \\ []), do: begin(socket, :client, hello, options)

  @doc "The same as the server, over a socket that was accepted."
  @spec server(socket, Hello.t(), [option]) :: {:ok, t} | {:error, ending}
  def server(socket, hello, options \\ []), do: begin(socket, :server, hello, options)

  defp begin(socket, role, hello, options) do
    agreed = Keyword.get(options, :agreed, [])

    with {:ok, session} <- Session.new(role, hello),
         {:ok, connection} <- GenServer.start(Server, {socket, Session.agree(session, agreed), self()}),
         :ok <- Transport.controlling_process(socket, connection) do
      call(connection, :open)
    else
      {:error, reason} ->
        Transport.close(socket)
        {:error, reason}
    end
  end

  @doc "Returns the other side's HELLO, or `nil` after the end."
  @spec peer(t) :: Hello.t() | nil
  def peer(connection), do: call(connection, :peer, nil)

  @doc "Tells whether the hub profile is in force (R9.1)."
  @spec hub?(t) :: boolean
  def hub?(connection), do: call(connection, :hub?, false)

  @doc """
  Waits for the next message, at most `timeout` milliseconds. The error is `:timeout`, or a `Bookend.Unreadable`, after which
  the connection stays open, or the end. Answers to `request/3` do not come here.
  """
  @spec recv(t, timeout) :: {:ok, Message.t()} | {:error, :timeout | Unreadable.t() | ending}
  def recv(connection, timeout \\ :infinity), do: call(connection, {:recv, timeout}, {:error, :closed})

  @doc "Returns the messages as a stream, until the end. It raises what `recv/2` returns as an error, except `:closed`."
  @spec messages(t) :: Enumerable.t()
  def messages(connection) do
    Stream.unfold(connection, fn connection ->
      case recv(connection) do
        {:ok, message} -> {message, connection}
        {:error, :closed} -> nil
        {:error, error} -> raise error
      end
    end)
  end

  @doc "The owner will be sent the next message, once."
  @spec active_once(t) :: :ok
  def active_once(connection), do: GenServer.cast(connection, :active_once)

  @doc """
  Sends a message. On an error it was not sent; the fault names the rule that it would break (R7.18). The answer to a REQUEST
  that the peer has cancelled is dropped until the application has taken the CANCEL; after that it is no-such-request.
  """
  @spec send_message(t, Message.t()) :: :ok | {:error, Fault.t()}
  def send_message(connection, message), do: call(connection, {:send, message})

  @doc """
  Sends text in the encoding that the peer prefers, or a payload as it is: to a member of the room, or to everyone if `to` is
  0. Without the hub profile it is a MESSAGE.
  """
  @spec post(t, String.t() | Payload.t(), 0..0xFFFFFFFF) :: :ok | {:error, Fault.t()}
  def post(connection, text, to \\ 0), do: call(connection, {:post, text, to})

  @doc """
  Sends a REQUEST and waits for its answer, at most `timeout` milliseconds; then it sends a CANCEL. The error is the
  `Bookend.PeerError` of an ERROR, a `Bookend.Unreadable`, `:timeout`, a fault as from `send_message/2`, or the end.

  Some process must keep taking messages: while too many wait, nothing is read, not even the REPLY.
  """
  @spec request(t, String.t() | Payload.t(), timeout) ::
          {:ok, Payload.t()} | {:error, :timeout | PeerError.t() | Unreadable.t() | ending}
  def request(connection, payload, timeout \\ :infinity), do: call(connection, {:request, payload, timeout})

  @doc "Answers a REQUEST of the peer."
  @spec reply(t, Message.t(), String.t() | Payload.t()) :: :ok | {:error, Fault.t()}
  def reply(connection, %Message{kind: :request, id: id}, payload),
    do: call(connection, {:reply, id, payload})

  @doc "Answers a message with an ERROR. The fault must have a code (SPEC section 6)."
  @spec refuse(t, Message.t(), Fault.t()) :: :ok | {:error, Fault.t()}
  def refuse(connection, %Message{} = message, %Fault{} = fault) do
    id = if message.kind == :request, do: message.id, else: 0
    reason = Message.reason(Fault.reason(fault), :utf8)

    send_message(connection, %Message{
      kind: :error,
      id: id,
      frame: message.number,
      code: Fault.code(fault),
      payload: reason
    })
  end

  @doc "Asks a hub for messages that it has kept. A hub that keeps none answers with the PeerError policy (1008)."
  @spec history(t, Query.t(), timeout) ::
          {:ok, Page.t()} | {:error, :timeout | PeerError.t() | Unreadable.t() | ending}
  def history(connection, query, timeout \\ :infinity) do
    with {:ok, payload} <- Query.payload(query),
         {:ok, answer} <- request(connection, payload, timeout),
         do: Page.parse(answer)
  end

  @doc "Makes another process the owner. Only the owner may call this."
  @spec controlling_process(t, pid) :: :ok | {:error, :not_owner}
  def controlling_process(connection, owner), do: call(connection, {:owner, owner})

  @doc "Sends CLOSE after everything that was sent, and waits until the socket is closed. Messages not taken are lost."
  @spec close(t, 1000..4999) :: :ok
  def close(connection, code \\ 1000), do: call(connection, {:close, code}, :ok)

  # A connection whose end has been reported no longer exists.
  defp call(
         connection,
         request,
         otherwise \\ {:error, %Fault{name: "not-open", detail: "the connection has ended"}}
       ) do
    GenServer.call(connection, request, :infinity)
  catch
    :exit, {reason, {GenServer, :call, _}} when reason in [:noproc, :normal] -> otherwise
  end
end
