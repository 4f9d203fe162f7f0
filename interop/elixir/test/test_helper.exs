defmodule Support do
  @moduledoc "What several tests share."

  alias Bookend.{Connection, Frame, Hello, Message, Payload, Session}

  def octets(hex), do: hex |> String.replace(" ", "") |> Base.decode16!(case: :lower)

  @doc "The bytes of a frame with this body, in hex."
  def frame(kind, encoding, body),
    do: Frame.encode(%Frame{kind: kind, encoding: encoding, body: octets(body)})

  @doc "A server's session that received the client's HELLO at 0 ms."
  def open_session(hello \\ %Hello{}, peer \\ %Hello{}) do
    {:ok, session} = Session.new(:server, hello)
    {[], session} = Session.start(session, 0)
    {:ok, body} = Hello.encode(peer)

    {[{:write, _hello}], session} =
      Session.receive_bytes(session, Frame.encode(%Frame{kind: 1, body: body}), 0)

    session
  end

  @doc "Both ends of a connection over loopback, which the calling process owns."
  def sockets do
    {:ok, listener} = :gen_tcp.listen(0, [:binary, active: false, ip: {127, 0, 0, 1}])
    {:ok, port} = :inet.port(listener)
    {:ok, client} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false])
    {:ok, server} = :gen_tcp.accept(listener)
    :gen_tcp.close(listener)
    {client, server}
  end

  @doc "Two connections that have exchanged HELLOs: the client's, and the server's, which a process owns that only waits."
  def connections(client_hello \\ %Hello{}, server_hello \\ %Hello{}) do
    {client, server} = sockets()
    test = self()

    serving =
      spawn_link(fn ->
        receive do: (:begin -> :ok)
        send(test, {:served, Connection.server(server, server_hello)})
        receive do: (:never -> :ok)
      end)

    :ok = :gen_tcp.controlling_process(server, serving)
    send(serving, :begin)
    {:ok, client} = Connection.client(client, client_hello)
    receive do: ({:served, {:ok, server}} -> {client, server, serving})
  end

  @doc "Serves one client as a hub does that has no other member. Returns the port."
  def hub do
    {:ok, listener} = :gen_tcp.listen(0, [:binary, active: false, ip: {127, 0, 0, 1}])
    {:ok, port} = :inet.port(listener)

    serving =
      spawn_link(fn ->
        {:ok, socket} = :gen_tcp.accept(listener)
        {:ok, connection} = Connection.server(socket, %Hello{hub: true})
        {:ok, greeting} = Payload.text("hi", :utf8)

        :ok =
          Connection.send_message(connection, %Message{kind: :welcome, member: 1, seq: 1, payload: greeting})

        Enum.each(Connection.messages(connection), &deliver(connection, &1))
      end)

    :ok = :gen_tcp.controlling_process(listener, serving)
    port
  end

  defp deliver(connection, %{kind: :post, payload: payload}) do
    delivery = %Message{kind: :delivery, from: 1, seq: 1, name: "ann", payload: payload}
    :ok = Connection.send_message(connection, delivery)
    :ok = Connection.close(connection)
  end
end

ExUnit.start()
