defmodule Bookend.PayloadTest do
  use ExUnit.Case, async: true
  import Support
  alias Bookend.{Message, Page, Payload, Query}

  test "text goes through every encoding that carries it" do
    for encoding <- [:utf8, :utf16be, :utf16le] do
      {:ok, payload} = Payload.text("grüß 😀", encoding)
      assert {:ok, ^payload} = Payload.decode(payload.octets, encoding)
    end
  end

  test "nothing is replaced: an encoding that cannot carry a text refuses it [R5.13]" do
    assert {:error, %{name: "unmappable-text", offset: 2}} = Payload.text("grüß", :ascii)
    assert {:error, %{name: "unmappable-text", offset: 1}} = Payload.text("a" <> <<0xFC>>, :utf8)
    assert {:error, %{name: "unmappable-text", offset: 3}} = Payload.text("\uFEFF\uFFFE", :utf16le)
    assert {:ok, %{encoding: :utf8}} = Payload.text_for("grüß", :ascii)
  end

  test "one mark is removed from a received text, and none is sent on [R5.5, R5.6]" do
    {:ok, payload} = Payload.decode(octets("feff feff 0061"), :utf16be)
    assert payload.text == "\uFEFFa" and payload.octets == octets("0061") and payload.had_mark
    assert {:error, %{offset: 0}} = Payload.decode(octets("fffe 0061"), :utf16be)
  end

  test "the offset of bad text is that of the first illegal sequence [R5.9]" do
    assert {:error, %{name: "bad-text", offset: 2}} = Payload.decode(octets("6772fcdf"), :utf8)
    assert {:error, %{offset: 1}} = Payload.decode(octets("61f09f98"), :utf8)
    assert {:error, %{offset: 2}} = Payload.decode(octets("0061d83d"), :utf16be)
    assert {:error, %{offset: 2}} = Payload.decode(octets("006100"), :utf16be)
    assert {:error, %{offset: 1}} = Payload.decode(octets("61ff"), :ascii)
  end

  test "printable text has no controls and no bytes that are not UTF-8" do
    assert Payload.printable("a\e[2J\u202E" <> <<0xFC>>) == "a\\u{1b}[2J\\u{202e}\\xfc"
  end

  test "a number that does not fit its field is malformed, not cut" do
    for message <- [
          %Message{kind: :request, id: 0x100000000},
          %Message{kind: :post, to: -1},
          %Message{kind: :presence, event: :gone},
          %Message{kind: :gap, missed: nil}
        ] do
      assert {:error, %{name: "malformed"}} = Message.to_frame(message)
    end
  end

  test "a name of marks may be received but not sent [R5.5, R9.4]" do
    body = octets("00000005 01 efbbbf efbbbf")
    {:ok, presence} = Message.parse(%Bookend.Frame{kind: 0x11, encoding: :utf8, body: body})
    assert presence.payload.text == "\uFEFF"
    assert {:error, %{name: "malformed"}} = Message.to_frame(presence)
  end

  test "a reason has at most 200 bytes and is cut between characters [R6.5]" do
    assert %{octets: octets} = Message.reason(String.duplicate("ü", 1_000_000), :utf16le)
    assert byte_size(octets) == 200
    assert Message.reason(<<0xFC>>, :ascii).text == "\\xfc"
  end

  test "what cannot be sent is no query, and text is neither a query nor a page" do
    for query <- [%Query{count: 0}, %Query{text: String.duplicate("ü", 129)}, %Query{text: <<0xFF>>}] do
      assert {:error, _fault} = Query.payload(query)
    end

    {:ok, text} = Payload.text("xxxxxxxxxxxxx", :utf8)
    assert Query.parse(text) == :error
    assert {:error, _fault} = Page.parse(text)
  end

  test "the GAP at the start of a page is no entry" do
    gaps = frame(0x14, :binary, "0000000000000003") <> frame(0x14, :binary, "0000000000000005")
    assert {:ok, %{lost_before: 3, entries: [%{kind: :gap, missed: 5}]}} = Page.parse(Payload.binary(gaps))
  end

  test "a token is not shown" do
    refute inspect(%Bookend.Hello{token: "secret"}) =~ "secret"
  end
end
