defmodule Bookend.Connection.Inbox do
  @moduledoc false
  # What has arrived for the application, and who asks for it: {from, timer} of a call, or :owner.

  # Memory of an empty message.
  @message_cost 256

  # waiting: bytes of items. unseen: id => number of CANCELs among the items.
  defstruct items: :queue.new(), waiting: 0, askers: :queue.new(), unseen: %{}

  def put(inbox, {:message, %{kind: :cancel, id: id}} = item, length),
    do: put_item(%{inbox | unseen: Map.update(inbox.unseen, id, 1, &(&1 + 1))}, item, length + @message_cost)

  def put(inbox, item, length), do: put_item(inbox, item, length + @message_cost)

  # A PONG confirms that the messages before its PING were acted on (R3.10). Of several, the last is enough (R3.9).
  def put_pong(inbox, pong) do
    items =
      if match?({:value, {{:pong, _}, _}}, :queue.peek_r(inbox.items)),
        do: :queue.drop_r(inbox.items),
        else: inbox.items

    put_item(%{inbox | items: items}, {:pong, pong}, 0)
  end

  defp put_item(inbox, item, cost),
    do: %{inbox | items: :queue.in({item, cost}, inbox.items), waiting: inbox.waiting + cost}

  def ask(inbox, :owner) do
    if :queue.member(:owner, inbox.askers),
      do: inbox,
      else: %{inbox | askers: :queue.in(:owner, inbox.askers)}
  end

  def ask(inbox, {_from, _timer} = asker), do: %{inbox | askers: :queue.in(asker, inbox.askers)}

  # The caller no longer waits. A call that was answered before is not in the queue.
  def expire(inbox, from) do
    {expired, askers} = inbox.askers |> :queue.to_list() |> Enum.split_with(&match?({^from, _timer}, &1))
    for {from, _timer} <- expired, do: GenServer.reply(from, {:error, :timeout})
    %{inbox | askers: :queue.from_list(askers)}
  end

  # Gives items to those who ask, and returns the PONGs among them, latest first.
  def deliver(inbox, owner, pongs \\ []) do
    with {:value, {item, cost}} <- :queue.peek(inbox.items),
         {:value, asker} <- :queue.peek(inbox.askers) do
      inbox = %{inbox | items: :queue.drop(inbox.items), waiting: inbox.waiting - cost}

      case item do
        {:pong, pong} ->
          deliver(inbox, owner, [pong | pongs])

        item ->
          tell(asker, owner, item)
          deliver(seen(%{inbox | askers: :queue.drop(inbox.askers)}, item), owner, pongs)
      end
    else
      :empty -> {pongs, inbox}
    end
  end

  # Tells all who ask of the end, {:ended, reason}, once there is nothing else for them. Returns whether somebody asked.
  def deliver_end(inbox, owner, ending) do
    askers = if :queue.is_empty(inbox.items), do: :queue.to_list(inbox.askers), else: []
    for asker <- askers, do: tell(asker, owner, ending)
    {askers != [], if(askers == [], do: inbox, else: %{inbox | askers: :queue.new()})}
  end

  defp seen(inbox, {:message, %{kind: :cancel, id: id}}) do
    case inbox.unseen do
      %{^id => 1} -> %{inbox | unseen: Map.delete(inbox.unseen, id)}
      %{^id => count} -> %{inbox | unseen: Map.put(inbox.unseen, id, count - 1)}
    end
  end

  defp seen(inbox, _item), do: inbox

  defp tell(:owner, owner, {:message, message}), do: send(owner, {:bookend, self(), message})
  defp tell(:owner, owner, {:unreadable, error}), do: send(owner, {:bookend_error, self(), error})
  defp tell(:owner, owner, {:ended, reason}), do: send(owner, {:bookend_closed, self(), reason})

  defp tell({from, timer}, _owner, item) do
    if timer, do: Process.cancel_timer(timer)

    case item do
      {:message, message} -> GenServer.reply(from, {:ok, message})
      {_unreadable_or_ended, reason} -> GenServer.reply(from, {:error, reason})
    end
  end
end
