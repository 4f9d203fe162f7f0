defmodule Bookend.Clock do
  @moduledoc false
  # The deadlines of a session (SPEC section 7), in milliseconds; the caller passes the time in. nil is never.

  @hello_timeout 5_000
  @header_timeout 5_000
  @body_timeout 5_000
  @drain_timeout 2_000

  defstruct [
    :hello_due,
    :header_due,
    :body_due,
    :drain_due,
    :idle_timeout,
    :ping_interval,
    :last_received,
    :last_sent
  ]

  def new(now), do: %__MODULE__{hello_due: now + @hello_timeout, last_received: now, last_sent: now}

  # Starts both keepalives, in seconds; 0 is no promise. They count from now (R7.1).
  def open(clock, keepalive, peer_keepalive, now) do
    %{
      clock
      | hello_due: nil,
        last_sent: now,
        ping_interval: period(keepalive, 1_000),
        idle_timeout: period(peer_keepalive, 2_000)
    }
  end

  defp period(0, _unit), do: nil
  defp period(seconds, unit), do: seconds * unit

  # Drops every deadline except the one for the end of the stream.
  def close(clock, now) do
    %__MODULE__{last_received: clock.last_received, last_sent: now, drain_due: now + @drain_timeout}
  end

  # A second call for the same frame changes nothing; the same holds for header_ends.
  def frame_begins(%{header_due: nil} = clock, now), do: %{clock | header_due: now + @header_timeout}
  def frame_begins(clock, _now), do: clock

  # One second more for each 1,024 bytes, rounded down to a whole millisecond (R7.12).
  def header_ends(%{body_due: nil} = clock, length, now),
    do: %{clock | body_due: now + @body_timeout + div(length * 1_000, 1_024)}

  def header_ends(clock, _length, _now), do: clock

  def frame_ends(clock), do: %{clock | header_due: nil, body_due: nil}

  def received(clock, now), do: %{clock | last_received: now}
  def sent(clock, now), do: %{clock | last_sent: now}

  # Extends the peer's deadlines by the time for which the driver did not read (R8.6).
  def excuse(clock, duration) do
    later = &(&1 && &1 + duration)

    %{
      clock
      | hello_due: later.(clock.hello_due),
        header_due: later.(clock.header_due),
        body_due: later.(clock.body_due),
        last_received: clock.last_received + duration
    }
  end

  # The time of the earliest task, or nil.
  def deadline(clock), do: clock |> tasks() |> Enum.map(&elem(&1, 0)) |> Enum.min(fn -> nil end)

  # A task that is due, or nil. Faults come before a PING: a dead peer needs none (R7.17).
  def overdue(clock, now) do
    case Enum.filter(tasks(clock), fn {at, _what} -> at <= now end) do
      [] -> nil
      due -> due |> Enum.min_by(fn {at, what} -> {what == :ping, at} end) |> elem(1)
    end
  end

  defp tasks(clock) do
    for {at, what} <- [
          {clock.drain_due, :drain},
          {clock.hello_due, "hello-timeout"},
          {clock.body_due || clock.header_due, "frame-timeout"},
          {sum(clock.last_received, clock.idle_timeout), "idle"},
          {sum(clock.last_sent, clock.ping_interval), :ping}
        ],
        at != nil,
        do: {at, what}
  end

  defp sum(_at, nil), do: nil
  defp sum(at, period), do: at + period
end

defmodule Bookend.Window do
  @moduledoc false
  # Admits at most `most` events in any period of milliseconds (R8.3, R8.4).

  defstruct [:most, :period, times: :queue.new(), count: 0, spare: 0]

  def new(most, period), do: %__MODULE__{most: most, period: period}

  # Returns the window after an event, or nil if there were too many.
  def admit(%{count: count, most: most} = window, now) when count < most,
    do: %{window | times: :queue.in(now, window.times), count: count + 1}

  def admit(window, now) do
    {{:value, first}, times} = :queue.out(window.times)
    window = %{window | times: :queue.in(now, times)}

    cond do
      now - first >= window.period -> window
      window.spare > 0 -> %{window | spare: window.spare - 1}
      true -> nil
    end
  end

  def clear(window), do: %{window | times: :queue.new(), count: 0}

  # Events may have waited unread for this long.
  def excuse(window, duration),
    do: %{window | spare: window.spare + div(duration * window.most, window.period)}
end
