-- A Bookend dissector for Wireshark and tshark: frames, messages, text and their faults, as defined in SPEC.md.
--
-- Copy this file into the folder shown as Personal Lua Plugins under Help > About > Folders,
-- or run: tshark -X lua_script:bookend.lua -r FILE

local bookend = Proto("bookend", "Bookend")

local START, END = 0xf5f8, 0xf8f5
local MAGIC = 0x424b4e44 -- BKND
local HEADER_LENGTH, END_LENGTH = 8, 2
local MAX_LENGTH = 0x7fffffff
local DEFAULT_LIMIT = 1048576 -- bytes of body, until the other side's HELLO (R8.2)
local MAX_OPAQUE = 64 -- bytes of PING and PONG

local ENCODINGS = { [0] = "binary", "us-ascii", "utf-8", "utf-16be", "utf-16le" }
local WIRESHARK_ENCODINGS = { [0] = ENC_ASCII, ENC_ASCII, ENC_UTF_8, ENC_UTF_16 + ENC_BIG_ENDIAN, ENC_UTF_16 + ENC_LITTLE_ENDIAN }
local KINDS = {
    [0x01] = "HELLO", [0x02] = "MESSAGE", [0x03] = "REQUEST", [0x04] = "REPLY", [0x05] = "ERROR", [0x06] = "PING",
    [0x07] = "PONG", [0x08] = "CLOSE", [0x10] = "WELCOME", [0x11] = "PRESENCE", [0x12] = "POST", [0x13] = "DELIVERY",
    [0x14] = "GAP", [0x81] = "CANCEL",
}
local EVENTS = { [0] = "here", "joined", "left", "crowd" }
local CODES = {
    [1000] = "normal", [1001] = "going-away", [1002] = "protocol-error", [1003] = "unknown-kind", [1007] = "bad-text",
    [1008] = "policy", [1009] = "too-long", [1011] = "internal", [1013] = "try-later", [4000] = "bad-start",
    [4001] = "bad-end", [4003] = "version", [4004] = "hello-timeout", [4005] = "idle", [4006] = "slow-consumer",
    [4007] = "rate", [4008] = "frame-timeout", [4009] = "resume-refused", [4010] = "no-such-member",
    [4011] = "unmappable-text", [4012] = "cancelled",
}
local OPTIONS = { "name", "room", "token", "resume", "software", [7] = "client", [8] = "requests" }

-- ---- fields

local f = {
    line = ProtoField.string("bookend.line", "Line"),
    unframed = ProtoField.bytes("bookend.unframed", "After a fault, not frames"),
    number = ProtoField.uint32("bookend.frame", "Frame number"),
    start = ProtoField.uint16("bookend.start", "START", base.HEX),
    kind = ProtoField.uint8("bookend.kind", "Kind", base.HEX, KINDS),
    encoding = ProtoField.uint8("bookend.encoding", "Encoding", base.DEC, ENCODINGS),
    length = ProtoField.uint32("bookend.length", "Length of body"),
    body = ProtoField.bytes("bookend.body", "Body"),
    ending = ProtoField.uint16("bookend.end", "END", base.HEX),
    payload = ProtoField.bytes("bookend.payload", "Payload"),
    text = ProtoField.string("bookend.text", "Text"),
    id = ProtoField.uint32("bookend.id", "Request"),
    reply_in = ProtoField.framenum("bookend.reply_in", "Answered in", base.NONE, frametype.RESPONSE),
    request_in = ProtoField.framenum("bookend.request_in", "Asked in", base.NONE, frametype.REQUEST),
    about = ProtoField.uint32("bookend.error.frame", "About the peer's frame"),
    code = ProtoField.uint16("bookend.code", "Code", base.DEC, CODES),
    reason = ProtoField.string("bookend.reason", "Reason"),
    member = ProtoField.uint32("bookend.member", "Member"),
    next_seq = ProtoField.uint64("bookend.next_seq", "Next sequence number"),
    greeting = ProtoField.string("bookend.greeting", "Greeting"),
    event = ProtoField.uint8("bookend.event", "Event", base.DEC, EVENTS),
    name = ProtoField.string("bookend.name", "Name"),
    to = ProtoField.uint32("bookend.to", "To (0: everyone)"),
    from = ProtoField.uint32("bookend.from", "From (0: the hub)"),
    seq = ProtoField.uint64("bookend.seq", "Sequence number"),
    time = ProtoField.uint64("bookend.time", "Time, ms since 1970"),
    date = ProtoField.absolute_time("bookend.date", "Time"),
    name_length = ProtoField.uint8("bookend.name_length", "Length of name"),
    missed = ProtoField.uint64("bookend.missed", "Messages missed"),
    magic = ProtoField.string("bookend.hello.magic", "Magic"),
    canary = ProtoField.bytes("bookend.hello.canary", "Canary"),
    major = ProtoField.uint8("bookend.hello.major", "Major version"),
    minor = ProtoField.uint8("bookend.hello.minor", "Minor version"),
    accepted = ProtoField.uint8("bookend.hello.accepted", "Accepted encodings", base.HEX),
    preferred = ProtoField.uint8("bookend.hello.preferred", "Preferred encoding", base.DEC, ENCODINGS),
    max_body = ProtoField.uint32("bookend.hello.max_body", "Longest body accepted"),
    keepalive = ProtoField.uint16("bookend.hello.keepalive", "Keepalive, s"),
    features = ProtoField.uint16("bookend.hello.features", "Features", base.HEX),
    option = ProtoField.uint8("bookend.hello.option", "Option", base.DEC, OPTIONS),
    option_value = ProtoField.bytes("bookend.hello.option.value", "Value"),
    resume = ProtoField.uint64("bookend.hello.resume", "Resume after"),
    room = ProtoField.string("bookend.hello.room", "Room"),
    requests = ProtoField.uint32("bookend.hello.requests", "Requests accepted"),
    software = ProtoField.string("bookend.hello.software", "Software"),
    hello_name = ProtoField.string("bookend.hello.name", "Name"),
    fault = ProtoField.string("bookend.fault", "Fault"),
    offset = ProtoField.uint32("bookend.fault.offset", "Byte of the payload"),
}
for code, name in pairs(ENCODINGS) do
    f["accepted_" .. code] = ProtoField.bool("bookend.hello.accepted." .. name, name, 8, nil, 2 ^ code)
end
f.hub = ProtoField.bool("bookend.hello.features.hub", "hub profile", 16, nil, 1)
bookend.fields = f

local x = {
    fault = ProtoExpert.new("bookend.expert.fault", "Fault", expert.group.PROTOCOL, expert.severity.ERROR),
    text = ProtoExpert.new("bookend.expert.text", "Bad text", expert.group.UNDECODED, expert.severity.WARN),
    mark = ProtoExpert.new("bookend.expert.mark", "Byte order mark", expert.group.UNDECODED, expert.severity.WARN),
    refusal = ProtoExpert.new("bookend.expert.refusal", "The peer refuses a frame or closes with an error", expert.group.RESPONSE_CODE, expert.severity.WARN),
    foreign = ProtoExpert.new("bookend.expert.foreign", "Not Bookend", expert.group.PROTOCOL, expert.severity.NOTE),
}
bookend.experts = x

bookend.prefs.ports = Pref.range("TCP ports", "3990", "TCP ports used by Bookend; on other ports it is recognised by its first frame", 65535)

-- ---- the state of streams: it is built on the first pass, which sees the packets in order

local directions, packets, numbers, asked, answered

function bookend.init()
    directions, packets, numbers, asked, answered = {}, {}, {}, {}, {}
end

local function new_direction(stream)
    return { stream = stream, frames = 0, limit = DEFAULT_LIMIT, faulty = false }
end

-- Both directions of the packet's stream, its own first. A HELLO at the start of the packet begins a new stream, since
-- ports are reused. (The number of a TCP stream is not available on the first pass.)
local function directions_of(pinfo, begins)
    local here = tostring(pinfo.src) .. ":" .. pinfo.src_port
    local there = tostring(pinfo.dst) .. ":" .. pinfo.dst_port
    local own, opposite = here .. ">" .. there, there .. ">" .. here
    local stream = here < there and own or opposite
    directions[opposite] = directions[opposite] or new_direction(stream)
    if not directions[own] or begins and not pinfo.visited then
        local limit = directions[own] and directions[own].limit
        directions[own] = new_direction(stream)
        directions[own].limit = limit or DEFAULT_LIMIT
    end
    return directions[own], directions[opposite]
end

-- The state of its direction when the packet arrived: whether a fault came before, the longest body allowed, and the
-- number of bytes of lines before its frames.
local function packet_of(pinfo, direction, tvb)
    local key = pinfo.number .. "/" .. pinfo.src_port
    if not packets[key] or not pinfo.visited then
        packets[key] = { key = key, faulty = direction.faulty, limit = direction.limit, lines = 0 }
        if direction.frames == 0 and not direction.faulty then
            local bytes, count = tvb:bytes(), 0
            while count < bytes:len() and bytes:get_index(count) ~= 0xf5 do count = count + 1 end
            packets[key].lines = count
        end
    end
    return packets[key]
end

-- ---- text

local function is_continuation(byte) return byte and byte >= 0x80 and byte <= 0xbf end

-- The length in bytes of the character at `i` in UTF-8, or nil if it is illegal (R5.2).
local function utf8_sequence(bytes, i, last)
    local function get(n) return i + n <= last and bytes:get_index(i + n) or nil end
    local lead, second = get(0), get(1)
    if lead < 0x80 then return 1 end
    if lead < 0xc2 or lead > 0xf4 or not is_continuation(second) then return nil end
    if lead < 0xe0 then return 2 end
    if lead == 0xe0 and second < 0xa0 or lead == 0xed and second > 0x9f then return nil end
    if lead == 0xf0 and second < 0x90 or lead == 0xf4 and second > 0x8f then return nil end
    if not is_continuation(get(2)) then return nil end
    if lead < 0xf0 then return 3 end
    return is_continuation(get(3)) and 4 or nil
end

-- The same for UTF-16 (R5.3).
local function utf16_sequence(bytes, i, last, high, low)
    local function unit(at)
        return at + 1 <= last and bytes:get_index(at + high) * 256 + bytes:get_index(at + low) or nil
    end
    local first = unit(i)
    if not first or first >= 0xdc00 and first <= 0xdfff then return nil end
    if first < 0xd800 or first > 0xdbff then return 2 end
    local second = unit(i + 2)
    return second and second >= 0xdc00 and second <= 0xdfff and 4 or nil
end

local SEQUENCES = {
    function(bytes, i) return bytes:get_index(i) < 0x80 and 1 or nil end,
    utf8_sequence,
    function(bytes, i, last) return utf16_sequence(bytes, i, last, 0, 1) end,
    function(bytes, i, last) return utf16_sequence(bytes, i, last, 1, 0) end,
}
local MARKS = { "", "EFBBBF", "FEFF", "FFFE" }
local OTHER_MARKS = { [3] = "FFFE", [4] = "FEFF" }

-- The offset of the first illegal byte (R5.9), or nil; and the length of the byte order mark.
local function check_text(range, encoding)
    local bytes = range:bytes()
    local hex = tostring(range:range(0, math.min(3, range:len())):bytes())
    local other = OTHER_MARKS[encoding]
    if other and hex:sub(1, 4) == other then return 0, 0 end
    local mark = MARKS[encoding]
    local marked = #mark > 0 and hex:sub(1, #mark) == mark and #mark / 2 or 0
    local i, last = marked, bytes:len() - 1
    while i <= last do
        local count = SEQUENCES[encoding](bytes, i, last)
        if not count then return i, marked end
        i = i + count
    end
    return nil, marked
end

-- A scalar value in UTF-8.
local function utf8_bytes(scalar)
    local function low(bits) return 0x80 + math.floor(scalar / 2 ^ bits) % 0x40 end
    local function high(bits) return math.floor(scalar / 2 ^ bits) end
    if scalar < 0x80 then return string.char(scalar) end
    if scalar < 0x800 then return string.char(0xc0 + high(6), low(0)) end
    if scalar < 0x10000 then return string.char(0xe0 + high(12), low(6), low(0)) end
    return string.char(0xf0 + high(18), low(12), low(6), low(0))
end

-- The first bytes of a legal text, in UTF-8. (TvbRange.string is wrong for UTF-16, and stops at U+0000.)
local function utf8_of(range, encoding)
    range = range:range(0, math.min(range:len(), 256))
    if encoding < 3 then return range:raw() end
    local scalars, high = {}, nil
    for i = 0, range:len() - 2, 2 do
        local unit = encoding == 3 and range:range(i, 2):uint() or encoding == 4 and range:range(i, 2):le_uint()
        if unit >= 0xd800 and unit <= 0xdbff then
            high = unit
        else
            if unit >= 0xdc00 and unit <= 0xdfff then unit = 0x10000 + (high - 0xd800) * 0x400 + unit - 0xdc00 end
            scalars[#scalars + 1] = utf8_bytes(unit)
        end
    end
    return table.concat(scalars)
end

-- A text for the packet list: shortened, on one line.
local function short(text)
    local line = text:gsub("%c", ".")
    if #line <= 60 then return '"' .. line .. '"' end
    local cut = 57
    while cut > 0 and is_continuation(line:byte(cut + 1)) do cut = cut - 1 end
    return '"' .. line:sub(1, cut) .. '…"'
end

-- ---- one frame; the functions below take a `frame`: its tree item, its info text and its header

local function add_fault(frame, name, why, offset)
    frame.tree:add(f.fault, name):set_generated()
    if offset then frame.tree:add(f.offset, offset):set_generated() end
    frame.tree:add_proto_expert_info(name == "bad-text" and x.text or x.fault, name .. ": " .. why)
    frame.info = frame.info .. " [" .. name .. "]"
end

-- Adds text; returns false if it is illegal. With `forgiving`, for reasons, illegal text is not a fault (R3.21).
local function add_text(frame, field, range, encoding, forgiving)
    if not range or range:len() == 0 then return true end
    local wrong, marked = check_text(range, encoding)
    if wrong then
        if forgiving then
            frame.tree:add_proto_expert_info(x.text, "this is not " .. ENCODINGS[encoding] .. ": byte " .. wrong)
        else
            add_fault(frame, "bad-text", "not " .. ENCODINGS[encoding] .. " at byte " .. wrong .. " of the text", wrong)
        end
        return false
    end
    if marked > 0 then frame.tree:add_proto_expert_info(x.mark, "a byte order mark, which the receiver removes") end
    if marked < range:len() then
        local text = range:range(marked)
        frame.tree:add_packet_field(field, text, WIRESHARK_ENCODINGS[encoding])
        frame.info = frame.info .. " " .. short(utf8_of(text, encoding))
    end
    return true
end

local function add_payload(frame, body, offset)
    if offset == body:len() then return end
    local range = body:range(offset)
    frame.tree:add(f.payload, range)
    if frame.encoding == 0 then
        frame.info = frame.info .. " " .. range:len() .. " bytes"
    else
        add_text(frame, f.text, range, frame.encoding)
    end
end

local function rest(body, offset) return offset < body:len() and body:range(offset) or nil end

-- Whether a legal UTF-8 text is a plain line (R4.11) of `least` to `most` bytes.
local function is_plain_line(text, least, most)
    if #text < least or #text > most or text:find("[%z\1-\31\127]") or text:find("\194[\128-\159]") then return false end
    for _, control in ipairs({ "\226\128[\142\143\168-\174]", "\226\129[\166-\169]", "\216\156" }) do
        if text:find(control) then return false end
    end
    return true
end

-- Links a request and its answer, or a CANCEL to its request: `asks` is true for a REQUEST, `answers` for a REPLY or ERROR.
local function add_request(frame, range, asks, answers)
    local id = range:uint()
    local key = frame.direction.stream .. "/" .. id .. "/"
    if not frame.visited then
        if asks then
            asked[key] = { packet = frame.packet }
            asked[frame.key] = asked[key]
        elseif asked[key] then
            answered[frame.key] = asked[key].packet
            if answers then asked[key].answer = frame.packet end
        end
    end
    frame.tree:add(f.id, range)
    frame.info = frame.info .. " " .. id
    if asks and asked[frame.key] and asked[frame.key].answer then
        frame.tree:add(f.reply_in, asked[frame.key].answer):set_generated()
    elseif not asks and answered[frame.key] then
        frame.tree:add(f.request_in, answered[frame.key]):set_generated()
    end
    if id == 0 and frame.kind ~= 0x05 then add_fault(frame, "malformed", "the id of a request must not be 0") end
end

local function add_code(frame, range)
    local code = range:uint()
    frame.tree:add(f.code, range)
    frame.info = frame.info .. " " .. code .. " " .. (CODES[code] or "")
    if code ~= 1000 and code ~= 1001 then
        frame.tree:add_proto_expert_info(x.refusal, code .. " " .. (CODES[code] or "(unknown)"))
    end
end

local CANARY = "0D0A1A0AFF110D00"
local CHANNELS = { -- position, byte found (SPEC.md, section 4)
    ["0/0A"] = "CRLF became LF", ["1/0D"] = "LF became CRLF", ["1/00"] = "CR became CR NUL", ["1/1A"] = "LF was dropped",
    ["2/0A"] = "^Z was dropped, or CR became CRLF", ["3/0D"] = "bare LF became CRLF", ["4/7F"] = "the eighth bit was stripped",
    ["4/11"] = "FF was taken for telnet IAC", ["5/FF"] = "FF was doubled (telnet IAC)", ["5/0D"] = "XON was swallowed",
    ["7/0A"] = "CR became CRLF", ["7/01"] = "NUL was dropped",
}

-- The fault in the first twelve bytes and its explanation, or nil.
local function check_canary(body)
    for i = 0, math.min(11, body:len() - 1) do
        local found = ("%02X"):format(body:range(i, 1):uint())
        if i < 4 and found ~= ("424B4E44"):sub(2 * i + 1, 2 * i + 2) then
            return "bad-hello", "the magic is not 42 4b 4e 44"
        end
        if i >= 4 and found ~= CANARY:sub(2 * (i - 4) + 1, 2 * (i - 4) + 2) then
            return "bad-canary", "the channel changes bytes: " .. (CHANNELS[(i - 4) .. "/" .. found] or "in an unknown way")
        end
    end
end

local function add_option(frame, tree, kind, value)
    local text = ({ f.hello_name, f.room, nil, nil, f.software })[kind]
    if kind == 1 or kind == 2 or kind == 5 then
        if not value or check_text(value, 2) or not is_plain_line(value:raw(), 1, 64) then
            return "a " .. OPTIONS[kind] .. " must be a plain line of 1 to 64 bytes of UTF-8"
        end
        tree:add_packet_field(text, value, ENC_UTF_8)
        if kind ~= 5 then frame.info = frame.info .. " " .. OPTIONS[kind] .. "=" .. short(value:raw()) end
    elseif kind == 3 then
        if not value then return "a token must have 1 to 255 bytes" end
        tree:append_text(" (" .. value:len() .. " bytes, not shown)")
    elseif kind == 4 then
        if not value or value:len() ~= 8 then return "resume must have eight bytes" end
        tree:add(f.resume, value)
    elseif kind == 7 then
        if value then return "the option client must be empty" end
    elseif kind == 8 then
        if not value or value:len() ~= 4 then return "requests must have four bytes" end
        tree:add(f.requests, value)
    elseif value then
        tree:add(f.option_value, value)
    end
end

local function add_options(frame, body)
    local i, seen = 24, {}
    while i < body:len() do
        local length = i + 1 < body:len() and body:range(i + 1, 1):uint() or math.huge
        if i + 2 + length > body:len() then return "an option runs past the end" end
        local kind = body:range(i, 1):uint()
        local tree = frame.tree:add(f.option, body:range(i, 1))
        local why = add_option(frame, tree, kind, length > 0 and body:range(i + 2, length) or nil)
        if why then return why end
        if seen[kind] and OPTIONS[kind] then return "the option " .. OPTIONS[kind] .. " occurs twice" end
        seen[kind], i = true, i + 2 + length
    end
end

local function add_hello(frame, body)
    local name, why = check_canary(body)
    if body:len() >= 4 then frame.tree:add_packet_field(f.magic, body:range(0, 4), ENC_ASCII) end
    if body:len() >= 12 then frame.tree:add(f.canary, body:range(4, 8)) end
    if not name and frame.encoding ~= 0 then name, why = "malformed", "HELLO must have encoding 0" end
    if not name and body:len() < 24 then name, why = "bad-hello", "a HELLO must have at least 24 bytes" end
    if not name and body:range(12, 1):uint() ~= 1 then name, why = "version", "the major version is not 1" end
    if name then return add_fault(frame, name, why) end

    for _, part in ipairs({ { f.major, 12, 1 }, { f.minor, 13, 1 } }) do
        frame.tree:add(part[1], body:range(part[2], part[3]))
    end
    local accepted, preferred = body:range(14, 1):uint(), body:range(15, 1):uint()
    local tree = frame.tree:add(f.accepted, body:range(14, 1))
    for code = 0, 4 do tree:add(f["accepted_" .. code], body:range(14, 1)) end
    frame.tree:add(f.preferred, body:range(15, 1))
    frame.tree:add(f.max_body, body:range(16, 4))
    frame.opposite.limit = body:range(16, 4):uint() -- limits the bodies of the opposite direction
    frame.tree:add(f.keepalive, body:range(20, 2))
    frame.tree:add(f.features, body:range(22, 2)):add(f.hub, body:range(22, 2))
    if accepted % 8 ~= 7 then
        why = "binary, US-ASCII and UTF-8 must be accepted"
    elseif preferred > 4 or preferred > 0 and math.floor(accepted / 2 ^ preferred) % 2 == 0 then
        why = "the preferred encoding is not accepted"
    elseif body:range(16, 4):uint() < 1024 or body:range(16, 4):uint() > MAX_LENGTH then
        why = "max body must be 1,024 to 2,147,483,647"
    else
        why = add_options(frame, body)
    end
    if why then add_fault(frame, "bad-hello", why) end
end

local function add_date(frame, range)
    frame.tree:add(f.time, range)
    local high, low = range:range(0, 4):uint(), range:range(4, 4):uint()
    local ms = high * 2 ^ 32 + low
    if ms < 2 ^ 42 then
        frame.tree:add(f.date, range, NSTime.new(math.floor(ms / 1000), math.floor(ms % 1000) * 1000000))
    end
end

local function add_presence(frame, body)
    local event, name = body:range(4, 1):uint(), rest(body, 5)
    frame.tree:add(f.member, body:range(0, 4))
    frame.tree:add(f.event, body:range(4, 1))
    frame.info = frame.info .. " " .. (EVENTS[event] or event) .. " " .. body:range(0, 4):uint()
    if not EVENTS[event] then return add_fault(frame, "malformed", "an event must be 0, 1, 2 or 3") end
    if not name then return add_fault(frame, "malformed", "a PRESENCE must have a name") end
    if not add_text(frame, f.name, name, frame.encoding) then return end
    local _, marked = check_text(name, frame.encoding)
    if marked == name:len() or not is_plain_line(utf8_of(name:range(marked), frame.encoding), 1, 64) then
        add_fault(frame, "malformed", "a name must be a plain line of 1 to 64 bytes")
    end
end

local function add_delivery(frame, body)
    local length = body:range(24, 1):uint()
    frame.tree:add(f.from, body:range(0, 4))
    frame.tree:add(f.to, body:range(4, 4))
    frame.tree:add(f.seq, body:range(8, 8))
    add_date(frame, body:range(16, 8))
    frame.tree:add(f.name_length, body:range(24, 1))
    frame.info = frame.info .. " " .. tostring(body:range(8, 8):uint64()) .. " from " .. body:range(0, 4):uint()
    if 25 + length > body:len() then return add_fault(frame, "malformed", "the name runs past the end") end
    local name = length > 0 and body:range(25, length) or nil
    if name and (check_text(name, 2) or not is_plain_line(name:raw(), 1, 64)) then
        return add_fault(frame, "malformed", "a name must be a plain line of at most 64 bytes")
    end
    if name then
        frame.tree:add_packet_field(f.name, name, ENC_UTF_8)
        frame.info = frame.info .. " " .. short(name:raw())
    end
    add_payload(frame, body, 25 + length)
end

-- The layout of each kind: its shortest and longest body, the encodings it allows, and the function that adds its fields.
local function any(encoding) return true end
local function text(encoding) return encoding > 0 end
local function binary(encoding) return encoding == 0 end
local function opaque(frame, body) add_payload(frame, body, 0) end
local function request(asks)
    return function(frame, body)
        add_request(frame, body:range(0, 4), asks, not asks)
        add_payload(frame, body, 4)
    end
end
local LAYOUTS = {
    [0x02] = { 0, math.huge, any, function(frame, body) add_payload(frame, body, 0) end },
    [0x03] = { 4, math.huge, any, request(true) },
    [0x04] = { 4, math.huge, any, request(false) },
    [0x05] = { 10, math.huge, text, function(frame, body)
        add_request(frame, body:range(0, 4), false, true)
        frame.tree:add(f.about, body:range(4, 4))
        add_code(frame, body:range(8, 2))
        add_text(frame, f.reason, rest(body, 10), frame.encoding, true)
    end },
    [0x06] = { 0, MAX_OPAQUE, binary, opaque },
    [0x07] = { 0, MAX_OPAQUE, binary, opaque },
    [0x08] = { 2, math.huge, text, function(frame, body)
        add_code(frame, body:range(0, 2))
        add_text(frame, f.reason, rest(body, 2), frame.encoding, true)
    end },
    [0x10] = { 12, math.huge, text, function(frame, body)
        frame.tree:add(f.member, body:range(0, 4))
        frame.tree:add(f.next_seq, body:range(4, 8))
        add_text(frame, f.greeting, rest(body, 12), frame.encoding)
    end },
    [0x11] = { 5, math.huge, text, add_presence },
    [0x12] = { 4, math.huge, any, function(frame, body)
        frame.tree:add(f.to, body:range(0, 4))
        add_payload(frame, body, 4)
    end },
    [0x13] = { 25, math.huge, any, add_delivery },
    [0x14] = { 8, 8, binary, function(frame, body)
        frame.tree:add(f.missed, body:range(0, 8))
        frame.info = frame.info .. " " .. tostring(body:range(0, 8):uint64())
    end },
    [0x81] = { 4, 4, binary, function(frame, body) add_request(frame, body:range(0, 4), false, false) end },
}

local function add_body(frame, body)
    if frame.kind == 0x01 then return add_hello(frame, body) end
    local layout = LAYOUTS[frame.kind]
    if not layout then
        if frame.kind < 0x80 then add_fault(frame, "unknown-kind", ("the kind %02x is unknown and below 80"):format(frame.kind)) end
        return
    end
    local least, most, allows, add = layout[1], layout[2], layout[3], layout[4]
    if body:len() < least then
        add_fault(frame, "malformed", "the body is shorter than its fixed part of " .. least .. " bytes")
    elseif body:len() > most then
        add_fault(frame, "malformed", "the body is longer than " .. most .. " bytes")
    elseif not allows(frame.encoding) then
        add_fault(frame, "malformed", "the encoding " .. ENCODINGS[frame.encoding] .. " is not allowed for this kind")
    else
        add(frame, body)
    end
end

-- ---- the stream

local BAD_END = "f8 f5 must follow the body; `bookend inspect` may find the cause"

-- Whether END is where the length would place it if it were little-endian.
local function is_little_endian(range)
    local ending = HEADER_LENGTH + range:range(4, 4):le_uint()
    return ending + END_LENGTH <= range:len() and range:range(ending, END_LENGTH):uint() == END
end

-- Checks as much of a header as has arrived (R2.15): the length of its frame, or a fault and its explanation.
local function check_header(range, limit)
    local have = range:len()
    if range:range(0, 1):uint() ~= 0xf5 or have >= 2 and range:range(1, 1):uint() ~= 0xf8 then
        return nil, "bad-start", "a frame must begin with f5 f8"
    end
    if have >= 4 and range:range(3, 1):uint() > 4 then return nil, "unknown-encoding", "an encoding must be 0 to 4" end
    if have < HEADER_LENGTH then return nil end
    local length = range:range(4, 4):uint()
    if length > limit then
        local why = "a body of " .. length .. " bytes, and the other side accepts " .. limit
        return nil, "too-long", is_little_endian(range) and why .. "; its length is little-endian" or why
    end
    return HEADER_LENGTH + length + END_LENGTH
end

-- The fault of an incomplete frame that no further bytes can fix, so that they are not waited for.
local function check_beginning(range, length)
    if not length then return nil end
    local count = math.min(range:len(), length - END_LENGTH) - HEADER_LENGTH
    if range:range(2, 1):uint() == 0x01 and count > 0 then
        local fault, why = check_canary(range:range(HEADER_LENGTH, count))
        if fault then return fault, why end
    end
    if length - range:len() == 1 and range:range(length - END_LENGTH, 1):uint() ~= 0xf8 then return "bad-end", BAD_END end
end

-- After a framing fault nothing can be decoded: no frame can be found after it (R2.14).
local function end_stream(direction, frame, fault, why, range)
    add_fault(frame, fault, why)
    frame.tree:add(f.unframed, range)
    direction.faulty = true
end

-- Stands for an empty range, which Wireshark does not have.
local NOTHING = { len = function() return 0 end }

local function add_frame(direction, opposite, range, key, pinfo, tree)
    local kind, encoding = range:range(2, 1):uint(), range:range(3, 1):uint()
    if not pinfo.visited then
        numbers[key] = direction.frames
        direction.frames = direction.frames + 1
    end
    local name = KINDS[kind] or ("kind %02x"):format(kind)
    local item = tree:add(bookend, range, "Bookend " .. name)
    local frame = {
        tree = item, info = name, kind = kind, encoding = encoding, direction = direction, opposite = opposite,
        key = key, packet = pinfo.number, visited = pinfo.visited,
    }
    item:add(f.number, numbers[key] or 0):set_generated()
    item:add(f.start, range:range(0, 2))
    item:add(f.kind, range:range(2, 1))
    item:add(f.encoding, range:range(3, 1))
    item:add(f.length, range:range(4, 4))
    local ending = range:range(range:len() - END_LENGTH, END_LENGTH)
    if ending:uint() ~= END then
        end_stream(direction, frame, "bad-end", BAD_END, range)
        return frame.info, false
    end
    local length = range:len() - HEADER_LENGTH - END_LENGTH
    if length > 0 then item:add(f.body, range:range(HEADER_LENGTH, length)) end
    add_body(frame, length > 0 and range:range(HEADER_LENGTH, length) or NOTHING)
    item:add(f.ending, ending)
    item:append_text(frame.info:sub(#name + 1))
    return frame.info, true
end

local FOREIGN = { ["GET "] = "HTTP", ["POST"] = "HTTP", ["HTTP"] = "HTTP", ["SSH-"] = "SSH" }

-- Lines before the first frame, and those of line terminals.
local function add_lines(range, tree)
    tree:add(bookend, range, "Bookend, no frame"):add_packet_field(f.line, range, ENC_UTF_8)
    local name = FOREIGN[range:raw():sub(1, 4)] or range:raw():sub(1, 2) == "\22\3" and "TLS"
    if name then tree:add_proto_expert_info(x.foreign, "this is " .. name) end
    return "line " .. short(range:string(ENC_UTF_8))
end

-- Whether the packet begins with a HELLO, as far as it has arrived.
local function begins(tvb)
    if tvb:len() < 12 then return false end
    return tvb:range(0, 3):uint() == START * 256 + 1 and tvb:range(8, 4):uint() == MAGIC
end

function bookend.dissector(tvb, pinfo, tree)
    local direction, opposite = directions_of(pinfo, begins(tvb))
    local packet = packet_of(pinfo, direction, tvb)
    local infos, offset = {}, packet.lines
    pinfo.cols.protocol = "Bookend"
    if offset > 0 then infos[1] = add_lines(tvb:range(0, offset), tree) end
    if packet.faulty then
        tree:add(bookend, tvb:range(offset), "Bookend, after a fault"):add(f.unframed, tvb:range(offset))
        infos[1], offset = "after a fault", tvb:len()
    end
    while offset < tvb:len() do
        local range = tvb:range(offset)
        local length, fault, why = check_header(range, math.min(packet.limit, MAX_LENGTH))
        local missing = (length or HEADER_LENGTH) - range:len()
        if not fault and missing > 0 then
            fault, why = check_beginning(range, length)
        end
        if fault then
            local item = tree:add(bookend, range, "Bookend")
            end_stream(direction, { tree = item, info = "" }, fault, why, range)
            infos[#infos + 1] = fault
            break
        end
        if missing > 0 then
            pinfo.desegment_offset = offset
            pinfo.desegment_len = length and missing or DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        local key = packet.key .. "/" .. offset
        local info, sound = add_frame(direction, opposite, tvb:range(offset, length), key, pinfo, tree)
        infos[#infos + 1] = info
        if not sound then break end
        offset = offset + length
    end
    if #infos > 0 then
        pinfo.cols.info:set(table.concat(infos, " · "))
        pinfo.cols.info:fence()
    end
    return tvb:len()
end

-- ---- registration

-- Whether a stream on any port begins with a frame: START, a known kind and encoding, and the magic of a HELLO.
local function looks_like_bookend(tvb)
    if tvb:len() < HEADER_LENGTH or tvb:range(0, 2):uint() ~= START or tvb:range(3, 1):uint() > 4 then return false end
    local kind, length = tvb:range(2, 1):uint(), tvb:range(4, 4):uint()
    if kind == 0x01 then return tvb:len() < 12 or tvb:range(8, 4):uint() == MAGIC end
    if not KINDS[kind] or length > MAX_LENGTH then return false end
    local ending = HEADER_LENGTH + length
    return tvb:len() < ending + END_LENGTH or tvb:range(ending, END_LENGTH):uint() == END
end

bookend:register_heuristic("tcp", function(tvb, pinfo, tree)
    if not looks_like_bookend(tvb) then return false end
    pinfo.conversation = bookend
    bookend.dissector(tvb, pinfo, tree)
    return true
end)

local tcp_ports, listed = DissectorTable.get("tcp.port"), nil
function bookend.prefs_changed()
    if listed == bookend.prefs.ports then return end
    if listed then tcp_ports:remove(listed, bookend) end
    listed = bookend.prefs.ports
    tcp_ports:add(listed, bookend)
end
listed = bookend.prefs.ports
tcp_ports:add(listed, bookend)
DissectorTable.get("tls.alpn"):add("bookend", bookend)
