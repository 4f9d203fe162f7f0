defmodule Bookend.Connection.Server do
  @moduledoc false
  # The process of a connection: it carries out the actions of a session.

  use GenServer
  alias Bookend.{Fault, Message, Payload, PeerError, Session}
  alias Bookend.Connection.{Inbox, Outbox, Transport}

  # Bytes. Beyond the first two, reading stops (R8.6); beyond the last, the application waits.
  @max_waiting 0x100000
  @max_answers 0x10000
  @max_unsent 0x10000

  defstruct [
    :socket,
    :session,
    :owner,
    :origin,
    :opener,
    outbox: %Outbox{},
    inbox: %Inbox{},
    # Those whose messages wait until enough has been written.
    senders: :queue.new(),
    # id => {from, timer} of REQUESTs; from is nil once the caller has given up.
    calls: %{},
    last_id: 0,
    is_reading: false,
    paused_at: nil,
    closers: [],
    # {:ended, reason} once the session has ended; whether somebody knows; whether the socket is closed.
    ending: nil,
    is_reported: false,
    is_over: false,
    timer: nil
  ]

  @impl true
  def init({socket, session, owner}) do
    Process.flag(:trap_exit, true)
    Process.link(owner)
    {:ok, %__MODULE__{socket: socket, session: session, owner: owner, origin: monotonic()}}
  end

  @impl true
  def handle_call(:open, from, state) do
    _ = Transport.prepare(state.socket)
    outbox = %{state.outbox | writer: Transport.start_writer(state.socket)}
    {actions, session} = Session.start(state.session, now(state))
    settle(apply_all(%{state | session: session, outbox: outbox, opener: from}, actions, false))
  end

  def handle_call(:peer, _from, state), do: {:reply, Session.peer(state.session), state}
  def handle_call(:hub?, _from, state), do: {:reply, Session.hub?(state.session), state}

  def handle_call({:recv, timeout}, from, state) do
    timer = if timeout != :infinity, do: Process.send_after(self(), {:recv_timeout, from}, timeout)
    settle(%{state | inbox: Inbox.ask(state.inbox, {from, timer})})
  end

  def handle_call({:owner, owner}, {caller, _tag}, state) do
    if caller == state.owner do
      Process.link(owner)
      Process.unlink(state.owner)
      {:reply, :ok, %{state | owner: owner}}
    else
      {:reply, {:error, :not_owner}, state}
    end
  end

  def handle_call({:close, code}, from, state) do
    {actions, session} = Session.close(state.session, code, now(state))
    settle(apply_all(%{state | session: session, closers: [from | state.closers]}, actions, true))
  end

  # Everything else sends.
  def handle_call(request, from, state),
    do: settle(%{state | senders: :queue.in({request, from}, state.senders)})

  @impl true
  def handle_cast(:active_once, state), do: settle(%{state | inbox: Inbox.ask(state.inbox, :owner)})

  @impl true
  def handle_info({tag, socket, octets}, %{socket: socket} = state) when tag in [:tcp, :ssl] do
    {actions, session} = Session.receive_bytes(state.session, octets, now(state))
    settle(apply_all(%{state | session: session, is_reading: false}, actions, false))
  end

  def handle_info({tag, socket}, %{socket: socket} = state) when tag in [:tcp_closed, :ssl_closed],
    do: state |> end_of_stream("") |> settle()

  def handle_info({tag, socket, reason}, %{socket: socket} = state) when tag in [:tcp_error, :ssl_error],
    do: state |> end_of_stream(inspect(reason)) |> settle()

  def handle_info({:wrote, result, length}, state), do: state |> wrote(result, length) |> settle()

  def handle_info(:tick, state) do
    state = excuse(%{state | timer: nil})
    {actions, session} = Session.tick(state.session, now(state))
    settle(apply_all(%{state | session: session}, actions, false))
  end

  def handle_info({:recv_timeout, from}, state),
    do: {:noreply, %{state | inbox: Inbox.expire(state.inbox, from)}}

  def handle_info({:request_timeout, id}, state) do
    case state.calls do
      %{^id => {from, _timer}} ->
        GenServer.reply(from, {:error, :timeout})
        state = %{state | calls: Map.put(state.calls, id, {nil, nil})}
        {_refused_only_if_no_longer_open, state} = send_message(state, %Message{kind: :cancel, id: id})
        settle(state)

      _answered ->
        {:noreply, state}
    end
  end

  def handle_info({:EXIT, owner, _reason}, %{owner: owner} = state) do
    {actions, session} = Session.close(state.session, 1001, now(state))

    settle(apply_all(%{state | session: session, is_reported: true, inbox: %Inbox{}}, actions, true))
  end

  def handle_info({:EXIT, writer, reason}, %{outbox: %{writer: writer}} = state), do: {:stop, reason, state}
  def handle_info(_other, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    if state.outbox.writer, do: Process.exit(state.outbox.writer, :kill)
    Process.unlink(state.owner)
  end

  # Carrying out actions; is_own is true if the application caused them.

  defp apply_all(state, actions, is_own), do: Enum.reduce(actions, state, &carry_out(&2, &1, is_own))

  defp carry_out(state, {:write, <<_::16, 0x07, _::binary>> = pong}, false),
    do: %{state | inbox: Inbox.put_pong(state.inbox, pong)}

  # A PONG must not overtake an ERROR (R3.10).
  defp carry_out(state, {:write, <<_::16, kind, _::binary>> = frame}, is_own),
    do: %{state | outbox: Outbox.add(state.outbox, frame, not is_own or kind == 0x05)}

  defp carry_out(state, {:deliver, %{kind: kind, id: id} = message, _frame}, _is_own)
       when kind in [:reply, :error] and is_map_key(state.calls, id) do
    case kind do
      :reply -> answer_call(state, id, {:ok, message.payload})
      :error -> answer_call(state, id, {:error, %PeerError{code: message.code, reason: message.payload.text}})
    end
  end

  defp carry_out(state, {:deliver, message, frame}, _is_own),
    do: queue(state, {:message, message}, byte_size(frame.body))

  defp carry_out(state, {:unreadable, error}, _is_own) do
    if is_map_key(state.calls, error.id),
      do: answer_call(state, error.id, {:error, error}),
      else: queue(state, {:unreadable, error}, 0)
  end

  # CLOSE does not wait for the application's messages, unless the application sent it; and nothing follows it.
  defp carry_out(state, :half_close, is_own), do: %{state | outbox: Outbox.finish(state.outbox, not is_own)}

  defp carry_out(state, {:end, _name, nil}, _is_own), do: %{state | ending: {:ended, :closed}}

  defp carry_out(state, {:end, _name, %PeerError{code: 1000}}, _is_own),
    do: %{state | ending: {:ended, :closed}}

  defp carry_out(state, {:end, _name, error}, _is_own), do: %{state | ending: {:ended, error}}

  # Nobody takes anything once the owner has ended.
  defp queue(%{is_reported: true} = state, _item, _length), do: state
  defp queue(state, item, length), do: %{state | inbox: Inbox.put(state.inbox, item, length)}

  defp answer_call(state, id, answer) do
    {{from, timer}, calls} = Map.pop(state.calls, id)
    if timer, do: Process.cancel_timer(timer)
    if from, do: GenServer.reply(from, answer)
    %{state | calls: calls}
  end

  # Everything below runs after every change, in this order.
  defp settle(state) do
    state
    |> deliver()
    |> accept_messages()
    |> write()
    |> close_when_done()
    |> read()
    |> set_timer()
    |> report()
  end

  defp deliver(state) do
    {pongs, inbox} = Inbox.deliver(state.inbox, state.owner)

    outbox =
      if pongs != [] and Session.open?(state.session),
        do: Outbox.add(state.outbox, hd(pongs), true),
        else: state.outbox

    %{state | inbox: inbox, outbox: outbox}
  end

  defp accept_messages(state) do
    with true <- not Session.open?(state.session) or state.outbox.unsent < @max_unsent,
         {{:value, {request, from}}, senders} <- :queue.out(state.senders) do
      {answer, state} = accept(%{state | senders: senders}, request, from)
      if answer != :later, do: GenServer.reply(from, answer)
      accept_messages(state)
    else
      _wait -> state
    end
  end

  # The answer to a call that sends, or :later.
  defp accept(%{outbox: %{is_broken: true}} = state, _request, _from),
    do: {{:error, Fault.new("not-open", "the socket can no longer be written to")}, state}

  defp accept(state, {:send, %{kind: kind, id: id}}, _from)
       when kind in [:reply, :error] and is_map_key(state.inbox.unseen, id),
       do: {:ok, state}

  defp accept(state, {:send, message}, _from), do: send_message(state, message)

  defp accept(state, {:post, text, to}, _from) do
    kind = if to != 0 or Session.hub?(state.session), do: :post, else: :message
    send_payload(state, %Message{kind: kind, to: to}, text)
  end

  defp accept(state, {:reply, id, _text}, _from) when is_map_key(state.inbox.unseen, id), do: {:ok, state}
  defp accept(state, {:reply, id, text}, _from), do: send_payload(state, %Message{kind: :reply, id: id}, text)

  defp accept(state, {:request, text, timeout}, from) do
    id = next_id(state.session, state.last_id)

    case send_payload(%{state | last_id: id}, %Message{kind: :request, id: id}, text) do
      {:ok, state} ->
        timer = if timeout != :infinity, do: Process.send_after(self(), {:request_timeout, id}, timeout)
        {:later, %{state | calls: Map.put(state.calls, id, {from, timer})}}

      refused ->
        refused
    end
  end

  defp send_payload(state, message, %Payload{} = payload),
    do: send_message(state, %{message | payload: payload})

  defp send_payload(state, message, text) do
    peer = Session.peer(state.session)

    case Payload.text_for(text, if(peer, do: peer.preferred, else: :utf8)) do
      {:ok, payload} -> send_message(state, %{message | payload: payload})
      {:error, fault} -> {{:error, fault}, state}
    end
  end

  defp send_message(state, message) do
    case Session.send_message(state.session, message, now(state)) do
      {:ok, actions, session} -> {:ok, apply_all(%{state | session: session}, actions, true)}
      {:error, fault} -> {{:error, fault}, state}
    end
  end

  # An id that no unanswered request has.
  defp next_id(session, last) do
    id = if last == 0xFFFFFFFF, do: 1, else: last + 1
    if Session.unanswered?(session, id), do: next_id(session, id), else: id
  end

  defp write(%{is_over: true} = state), do: state
  defp write(state), do: %{state | outbox: Outbox.write(state.outbox, state.socket)}

  defp wrote(state, :ok, length),
    do: %{
      state
      | outbox: Outbox.wrote(state.outbox, length),
        session: Session.wrote(state.session, now(state))
    }

  # The peer's last messages can still be read.
  defp wrote(state, {:error, reason}, _length) do
    state = %{state | outbox: Outbox.give_up(state.outbox)}

    if reason == :timeout,
      do: abort(state, Fault.new("slow-consumer", "no progress for #{Transport.stall()} ms")),
      else: state
  end

  defp abort(state, fault) do
    {actions, session} = Session.abort(state.session, fault)
    apply_all(%{state | session: session}, actions, false)
  end

  defp end_of_stream(state, detail) do
    {actions, session} = Session.end_of_stream(state.session, detail, now(state))
    apply_all(%{state | session: session, is_reading: false}, actions, false)
  end

  defp close_when_done(%{is_over: false} = state) do
    if Session.done?(state.session) and Outbox.done?(state.outbox) do
      Transport.close(state.socket)
      %{state | is_over: true}
    else
      state
    end
  end

  defp close_when_done(state), do: state

  defp read(%{is_over: true} = state), do: state
  defp read(%{is_reading: true} = state), do: state

  defp read(state) do
    is_full = state.inbox.waiting >= @max_waiting or state.outbox.answers >= @max_answers

    cond do
      Session.done?(state.session) -> state
      Session.open?(state.session) and is_full -> %{state | paused_at: state.paused_at || now(state)}
      true -> state |> excuse() |> read_once()
    end
  end

  defp read_once(state) do
    case Transport.read_once(state.socket) do
      :ok -> %{state | is_reading: true, paused_at: nil}
      {:error, reason} -> state |> end_of_stream(inspect(reason)) |> close_when_done()
    end
  end

  # Tells the session for how long reading was paused.
  defp excuse(%{paused_at: nil} = state), do: state

  defp excuse(state) do
    now = now(state)
    %{state | session: Session.excuse(state.session, now - state.paused_at), paused_at: now}
  end

  # A deadline that has moved away leaves the earlier timer as it is: its tick finds nothing due.
  defp set_timer(state) do
    deadline = Session.deadline(state.session)

    cond do
      deadline == nil or state.is_over -> state
      match?({_timer, at} when at <= deadline, state.timer) -> state
      true -> set_timer(state, deadline)
    end
  end

  defp set_timer(state, deadline) do
    with {timer, _at} <- state.timer, do: Process.cancel_timer(timer)
    timer = Process.send_after(self(), :tick, deadline + state.origin, abs: true)
    %{state | timer: {timer, deadline}}
  end

  # Tells those who wait for the beginning or the end, and ends the process once somebody knows of the end.
  defp report(state) do
    state = state |> report_opening() |> report_end()

    if state.is_over and (state.is_reported or state.closers != []) do
      for closer <- state.closers, do: GenServer.reply(closer, :ok)
      {:stop, :normal, state}
    else
      {:noreply, state}
    end
  end

  defp report_opening(%{opener: nil} = state), do: state

  defp report_opening(state) do
    cond do
      Session.peer(state.session) ->
        GenServer.reply(state.opener, {:ok, self()})
        %{state | opener: nil}

      # If the peer's HELLO is refused, the CLOSE has been written by now (R7.7).
      state.is_over ->
        {:ended, reason} = state.ending
        GenServer.reply(state.opener, {:error, reason})
        %{state | opener: nil, is_reported: true}

      true ->
        state
    end
  end

  defp report_end(%{ending: nil} = state), do: state

  defp report_end(state) do
    {:ended, reason} = state.ending
    state = Enum.reduce(Map.keys(state.calls), state, &answer_call(&2, &1, {:error, reason}))

    {somebody_asked, inbox} = Inbox.deliver_end(state.inbox, state.owner, state.ending)
    %{state | inbox: inbox, is_reported: state.is_reported or somebody_asked}
  end

  defp now(state), do: monotonic() - state.origin
  defp monotonic, do: System.monotonic_time(:millisecond)
end
