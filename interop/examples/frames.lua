#!/usr/bin/env lua5.4
-- Bookend's frames in Lua 5.3 or later (SPEC.md, section 2), and the adapter's requests `frame` and `encode`.
local START, STOP, HEADER = "\xF5\xF8", "\xF8\xF5", 8

local function encode(kind, encoding, body) -- the body is bytes, like every string in Lua
  return START .. string.pack(">BBs4", kind, encoding, body) .. STOP
end

local function fault(stream, name, at)
  error({ fault = ("fault:%s:%d"):format(name, stream.offset + at) })
end

-- Fails unless the bytes at this place are the two wanted, as far as they have arrived.
local function check(stream, at, wanted, name)
  for i = 1, 2 do
    local byte = stream.buffer:byte(at + i)
    if byte and byte ~= wanted:byte(i) then fault(stream, name, at + i - 1) end
  end
end

-- The next frame of {buffer, offset, limit}: kind, encoding, body; nil while it is incomplete.
local function next_frame(stream)
  check(stream, 0, START, "bad-start")
  if (stream.buffer:byte(4) or 0) > 4 then fault(stream, "unknown-encoding", 3) end
  if #stream.buffer < HEADER then return nil end
  local kind, encoding, length = string.unpack(">BBI4", stream.buffer, 3)
  if length > stream.limit or length > 0x7FFFFFFF then fault(stream, "too-long", 4) end
  check(stream, HEADER + length, STOP, "bad-end")
  if #stream.buffer < HEADER + length + 2 then return nil end
  local body = stream.buffer:sub(HEADER + 1, HEADER + length)
  stream.buffer = stream.buffer:sub(HEADER + length + 3)
  stream.offset = stream.offset + HEADER + length + 2
  return kind, encoding, body
end

local function hex(bytes) return bytes == "" and "-" or (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function bytes(word) return (word:gsub("-", ""):gsub("..", function(pair) return string.char(tonumber(pair, 16)) end)) end

for line in io.lines() do
  local request, first, second, third = line:match("(%S+) (%S+) (%S+) (%S+)")
  if request == "encode" then
    print("ok " .. hex(encode(tonumber(first, 16), tonumber(second), bytes(third))))
  else
    local stream, items = { buffer = "", offset = 0, limit = tonumber(first) }, {}
    local sound, ending = pcall(function()
      for piece in bytes(third):gmatch(second == "bytes" and "." or ".*") do
        stream.buffer = stream.buffer .. piece
        local kind, encoding, body = next_frame(stream)
        while kind do
          items[#items + 1] = ("%02x:%d:%s"):format(kind, encoding, hex(body))
          kind, encoding, body = next_frame(stream)
        end
      end
    end)
    if not sound and not ending.fault then error(ending) end
    items[#items + 1] = not sound and ending.fault or stream.buffer == "" and "end" or "more"
    print(table.concat(items, " "))
  end
  io.stdout:flush()
end
