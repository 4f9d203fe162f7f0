defmodule Bookend do
  @moduledoc """
  Bookend carries messages over a byte stream: each one whole, and its text in a stated encoding.

  The modules follow SPEC.md, from the bytes up:

    * `Bookend.Frame` and `Bookend.Decoder`: frames (section 2)
    * `Bookend.Payload`: text in one of four encodings, or binary (section 5)
    * `Bookend.Hello` and `Bookend.Message`: what frames mean (sections 3, 4 and 9)
    * `Bookend.Query` and `Bookend.Page`: what a hub has kept (section 9, History)
    * `Bookend.Session`: the rules of one side, as a value without a socket or a clock (section 7)
    * `Bookend.Connection`: a process that owns a socket and a session

  Most programs need only `Bookend.Connection`, `Bookend.Hello`, `Bookend.Message` and `Bookend.Payload`.
  Every failure is a `Bookend.Fault`, a `Bookend.PeerError` or a `Bookend.Unreadable`.
  """
end
