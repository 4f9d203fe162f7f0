defmodule Bookend.Connection.Outbox do
  @moduledoc false
  # What waits to be written: the session's own frames and ERRORs, which overtake the application's (R7.13).

  alias Bookend.Connection.Transport

  defstruct [
    :writer,
    urgent: :queue.new(),
    posted: :queue.new(),
    # The rest of the frame that is being written; frames are written whole (R7.14).
    rest: "",
    is_writing: false,
    # Bytes in urgent, and in all.
    answers: 0,
    unsent: 0,
    # Whether the sending direction is closed after everything, has been closed, or has failed.
    half_closes: false,
    is_half_closed: false,
    is_broken: false
  ]

  def add(%{is_broken: true} = outbox, _frame, _is_urgent), do: outbox

  def add(outbox, frame, true) do
    length = byte_size(frame)

    %{
      outbox
      | urgent: :queue.in(frame, outbox.urgent),
        answers: outbox.answers + length,
        unsent: outbox.unsent + length
    }
  end

  def add(outbox, frame, false),
    do: %{outbox | posted: :queue.in(frame, outbox.posted), unsent: outbox.unsent + byte_size(frame)}

  # Nothing follows; is_abrupt drops the application's frames.
  def finish(outbox, true) do
    dropped = :queue.fold(&(byte_size(&1) + &2), 0, outbox.posted)
    %{outbox | half_closes: true, posted: :queue.new(), unsent: outbox.unsent - dropped}
  end

  def finish(outbox, false), do: %{outbox | half_closes: true}

  def give_up(outbox), do: %__MODULE__{writer: outbox.writer, is_broken: true}

  # Whether everything is written that can be.
  def done?(outbox), do: outbox.is_broken or outbox.unsent == 0

  def wrote(%{is_broken: true} = outbox, _length), do: outbox
  def wrote(outbox, length), do: %{outbox | is_writing: false, unsent: outbox.unsent - length}

  # Gives the writer its next piece, or closes the sending direction.
  def write(%{is_writing: true} = outbox, _socket), do: outbox
  def write(%{is_broken: true} = outbox, _socket), do: outbox

  def write(outbox, socket) do
    case next(outbox) do
      {"", %{half_closes: true, is_half_closed: false} = outbox} ->
        # The reading side sees any error of the stream.
        _ = Transport.shutdown(socket)
        %{outbox | is_half_closed: true}

      {"", outbox} ->
        outbox

      {octets, outbox} ->
        {piece, rest} = Transport.piece(octets)
        send(outbox.writer, {:write, piece})
        %{outbox | rest: rest, is_writing: true}
    end
  end

  defp next(%{rest: rest} = outbox) when rest != "", do: {rest, outbox}

  defp next(outbox) do
    with {:urgent, :empty} <- {:urgent, :queue.peek(outbox.urgent)},
         {:posted, :empty} <- {:posted, :queue.peek(outbox.posted)} do
      {"", outbox}
    else
      {:urgent, {:value, frame}} ->
        {frame, %{outbox | urgent: :queue.drop(outbox.urgent), answers: outbox.answers - byte_size(frame)}}

      {:posted, {:value, frame}} ->
        {frame, %{outbox | posted: :queue.drop(outbox.posted)}}
    end
  end
end
