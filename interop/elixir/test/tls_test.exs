defmodule Bookend.TlsTest do
  use ExUnit.Case, async: true
  alias Bookend.{Connection, Hello, Payload}

  @moduletag timeout: 20_000

  # Both ends of a TLS connection over loopback; a process owns the server's.
  defp sockets(version) do
    # What TLS 1.3 admits.
    certificate = [digest: :sha256, key: {:namedCurve, :secp256r1}]
    chain = %{root: certificate, intermediates: [], peer: certificate}

    %{server_config: server, client_config: client} =
      :public_key.pkix_test_data(%{server_chain: chain, client_chain: chain})

    {:ok, listener} =
      :ssl.listen(0, [:binary, active: false, ip: {127, 0, 0, 1}, versions: [version]] ++ server)

    {:ok, {_address, port}} = :ssl.sockname(listener)
    test = self()

    spawn_link(fn ->
      {:ok, socket} = :ssl.transport_accept(listener)
      {:ok, socket} = :ssl.handshake(socket)
      {:ok, connection} = Connection.server(socket, %Hello{})
      send(test, {:received, connection |> Connection.messages() |> Enum.map(&byte_size(&1.payload.octets))})
    end)

    options = [
      :binary,
      active: false,
      versions: [version],
      cacerts: client[:cacerts],
      server_name_indication: :disable
    ]

    {:ok, socket} = :ssl.connect({127, 0, 0, 1}, port, options ++ [verify: :verify_peer, log_level: :error])
    socket
  end

  test "a connection takes over a socket of ssl" do
    for version <- [:"tlsv1.2", :"tlsv1.3"] do
      {:ok, connection} = version |> sockets() |> Connection.client(%Hello{})

      for length <- [0, 1, 100_000],
          do: :ok = Connection.post(connection, Payload.binary(:binary.copy("x", length)))

      :ok = Connection.close(connection)
      assert_receive {:received, [0, 1, 100_000]}, 5_000
    end
  end
end
