defmodule Bookend.Connection.Transport do
  @moduledoc false
  # A socket of gen_tcp or ssl. ssl is named in variables, so that nothing needs it unless such a socket is used.

  # The longest time without progress, and the most that is written at once: less than what a slow peer takes in this time.
  @stall 10_000
  @piece_length 0x4000

  def stall, do: @stall

  def controlling_process(socket, pid), do: module(socket).controlling_process(socket, pid)

  # Frames are bytes: no packets, no line ends. A stream that the peer has ended can still be written to.
  def prepare(socket) do
    options = [mode: :binary, packet: :raw, active: false, send_timeout: @stall]

    if is_port(socket),
      do: setopts(socket, [exit_on_close: false, buffer: 0x10000] ++ options),
      else: setopts(socket, options)
  end

  def read_once(socket), do: setopts(socket, active: :once)

  def shutdown(socket), do: module(socket).shutdown(socket, :write)

  # Closes without waiting for a peer that does not read.
  def close(socket) do
    if is_port(socket) and not match?({:ok, [send_pend: 0]}, :inet.getstat(socket, [:send_pend])),
      do: :inet.setopts(socket, linger: {true, 0})

    module(socket).close(socket)
  end

  # A process that writes what it is sent, {:write, bytes}, and tells its parent so: {:wrote, :ok | {:error, reason}, length}.
  def start_writer(socket) do
    parent = self()
    spawn_link(fn -> write_all(module(socket), socket, parent) end)
  end

  # The first piece of some bytes, and the rest.
  def piece(<<piece::binary-size(@piece_length), rest::binary>>) when rest != "", do: {piece, rest}
  def piece(octets), do: {octets, ""}

  defp write_all(module, socket, parent) do
    receive do
      {:write, octets} -> send(parent, {:wrote, module.send(socket, octets), byte_size(octets)})
    end

    write_all(module, socket, parent)
  end

  defp setopts(socket, options) when is_port(socket), do: :inet.setopts(socket, options)
  defp setopts(socket, options), do: module(socket).setopts(socket, options)

  defp module(socket) when is_port(socket), do: :gen_tcp
  defp module(_socket), do: :ssl
end
