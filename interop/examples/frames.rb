#!/usr/bin/env ruby
# Bookend's frames in Ruby (SPEC.md, section 2), and the adapter's requests `frame` and `encode`.
class Decoder
  Fault = Class.new(StandardError)
  START = "\xF5\xF8".b
  STOP = "\xF8\xF5".b
  HEADER = 8
  Frame = Struct.new(:kind, :encoding, :body) # the body is bytes: decode text afterwards, with force_encoding and valid_encoding?

  def self.encode(kind, encoding, body) # encode text first: the length is bytesize, not size
    START + [kind, encoding, body.bytesize].pack('CCN') + body.b + STOP
  end

  attr_reader :buffer # append bytes received to it

  def initialize(limit)
    @limit, @buffer, @offset = [limit, 0x7FFFFFFF].min, ''.b, 0 # @offset: of the next frame in the stream
  end

  # The next frame, or nil while it is incomplete.
  def next_frame
    check(0, START, 'bad-start')
    fault('unknown-encoding', 3) if @buffer.bytesize > 3 && @buffer.getbyte(3) > 4
    return if @buffer.bytesize < HEADER
    kind, encoding, length = @buffer.unpack('x2CCN')
    fault('too-long', 4) if length > @limit
    check(HEADER + length, STOP, 'bad-end')
    return if @buffer.bytesize < HEADER + length + 2
    @offset += HEADER + length + 2
    Frame.new(kind, encoding, @buffer.slice!(0, HEADER + length + 2).byteslice(HEADER, length))
  end

  # Raises unless the bytes at this place are the two wanted, as far as they have arrived.
  def check(at, wanted, name)
    (@buffer.byteslice(at, 2) || '').each_byte.with_index { |byte, i| fault(name, at + i) if byte != wanted.getbyte(i) }
  end

  def fault(name, at) = raise(Fault, "fault:#{name}:#{@offset + at}")
end

def bytes(word) = word == '-' ? ''.b : [word].pack('H*')
def hex(bytes) = bytes.empty? ? '-' : bytes.unpack1('H*')

$stdout.sync = true
$stdin.each_line(chomp: true) do |line|
  request, first, second, third = line.split
  next puts("ok #{hex(Decoder.encode(first.hex, second.to_i, bytes(third)))}") if request == 'encode'
  decoder = Decoder.new(first.to_i)
  items = []
  begin
    (second == 'bytes' ? bytes(third).each_char : [bytes(third)]).each do |piece|
      decoder.buffer << piece
      while (frame = decoder.next_frame) do items << format('%02x:%d:%s', frame.kind, frame.encoding, hex(frame.body)) end
    end
    items << (decoder.buffer.empty? ? 'end' : 'more')
  rescue Decoder::Fault => e
    items << e.message
  end
  puts items.join(' ')
end
