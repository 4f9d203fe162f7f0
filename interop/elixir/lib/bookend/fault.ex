defmodule Bookend.Fault do
  @moduledoc """
  A broken rule. Its name is the same on the wire, in logs and in every language (SPEC section 6).

  `detail` is for people and may quote the peer: pass a message to `Bookend.Payload.printable/1` before printing it.
  `offset` is in bytes: in the stream for framing, in the payload for text, `nil` if it has no meaning.
  """

  @enforce_keys [:name]
  defexception [:name, detail: "", offset: nil]

  @type t :: %__MODULE__{name: String.t(), detail: String.t(), offset: non_neg_integer | nil}

  @doc "Returns a fault."
  @spec new(String.t(), String.t(), non_neg_integer | nil) :: t
  def new(name, detail \\ "", offset \\ nil), do: %__MODULE__{name: name, detail: detail, offset: offset}

  @doc "Returns the u16 of CLOSE and ERROR, or `nil` if the fault has no code on the wire."
  @spec code(t) :: 1000..4999 | nil
  def code(%__MODULE__{name: name}), do: code_of(name)

  @doc "Returns the reason of CLOSE and ERROR: the name, then the detail."
  @spec reason(t) :: String.t()
  def reason(%__MODULE__{name: name, detail: ""}), do: name
  def reason(%__MODULE__{name: name, detail: detail}), do: name <> ": " <> detail

  @doc "Returns the first name of a code in the table of SPEC section 6, or `nil`."
  @spec first_name(0..65535) :: String.t() | nil
  def first_name(code)

  @impl true
  def message(%__MODULE__{} = fault), do: with_code(fault.name, code(fault), fault.detail)

  @doc false
  def with_code(name, nil, detail), do: with_detail(name, detail)
  def with_code(name, code, detail), do: with_detail("#{name} (#{code})", detail)

  defp with_detail(words, ""), do: words
  defp with_detail(words, detail), do: words <> ": " <> detail

  # SPEC section 6. The first name of a code is its preferred name.
  codes = [
    {1000, ~w(normal)},
    {1001, ~w(going-away)},
    {1002, ~w(protocol-error unknown-encoding malformed hello-expected second-hello bad-hello bad-canary
              two-clients unexpected-kind duplicate-request truncated)},
    {1003, ~w(unknown-kind)},
    {1007, ~w(bad-text encoding-refused)},
    {1008, ~w(policy)},
    {1009, ~w(too-long)},
    {1011, ~w(internal)},
    {1013, ~w(try-later)},
    {4000, ~w(bad-start)},
    {4001, ~w(bad-end)},
    {4003, ~w(version)},
    {4004, ~w(hello-timeout)},
    {4005, ~w(idle)},
    {4006, ~w(slow-consumer)},
    {4007, ~w(rate ping-flood empty-flood)},
    {4008, ~w(frame-timeout)},
    {4009, ~w(resume-refused)},
    {4010, ~w(no-such-member)},
    {4011, ~w(unmappable-text)},
    {4012, ~w(cancelled)}
  ]

  for {code, [first | _] = names} <- codes do
    def first_name(unquote(code)), do: unquote(first)
    for name <- names, do: defp(code_of(unquote(name)), do: unquote(code))
  end

  def first_name(_unknown), do: nil
  defp code_of(_local), do: nil
end

defmodule Bookend.PeerError do
  @moduledoc "A CLOSE or an ERROR from the peer. Programs use the code; the reason is for people (R6.3)."

  defexception [:code, reason: ""]

  @type t :: %__MODULE__{code: 0..65535, reason: String.t()}

  @impl true
  def message(%__MODULE__{code: code, reason: reason}) do
    "the peer sent " <> Bookend.Fault.with_code(Bookend.Fault.first_name(code) || "code", code, reason)
  end
end

defmodule Bookend.Unreadable do
  @moduledoc "An answer whose text is illegal, or in an encoding that was not accepted: its request has failed (R3.26)."

  defexception [:id, :fault]

  @type t :: %__MODULE__{id: 1..0xFFFFFFFF, fault: Bookend.Fault.t()}

  @impl true
  def message(%__MODULE__{id: id, fault: fault}),
    do: "the answer to request #{id}: #{Exception.message(fault)}"
end
