meta:
  id: bookend
  title: Bookend
  file-extension: bookend
  license: MIT OR Apache-2.0
  endian: be
  ks-version: '0.11'
doc: |
  One direction of a complete Bookend stream: its frames and their fields, as defined in SPEC.md. A framing fault (R2.1 to
  R2.10) ends the parse with a validation error. Limits, text, the order of messages and the answers are not described.
seq:
  - id: line
    type: line
    if: has_line
    doc: The line that a server for line terminals sends before its first frame (R4.20).
  - id: frames
    type: frame
    repeat: eos
instances:
  first:
    pos: 0
    type: u1
  has_line:
    value: _io.size > 0 and first != 0xf5
enums:
  encodings:
    0: binary
    1: us_ascii
    2: utf_8
    3: utf_16be
    4: utf_16le
  kinds:
    0x01: hello
    0x02: message
    0x03: request
    0x04: reply
    0x05: error
    0x06: ping
    0x07: pong
    0x08: close
    0x10: welcome
    0x11: presence
    0x12: post
    0x13: delivery
    0x14: gap
    0x81: cancel
  events:
    0: here
    1: joined
    2: left
    3: crowd
  options:
    1: name
    2: room
    3: token
    4: resume
    5: software
    7: client
    8: requests
types:
  line:
    seq:
      - id: text
        terminator: 0x0a
  frame:
    doc: Section 2.
    seq:
      - id: start
        contents: [0xf5, 0xf8]
      - id: kind
        type: u1
        enum: kinds
      - id: encoding
        type: u1
        enum: encodings
        valid:
          max: encodings::utf_16le
      - id: len_body
        type: u4
        valid:
          max: 0x7fffffff
      - id: body
        size: len_body
        type:
          switch-on: kind
          cases:
            'kinds::hello': hello
            'kinds::message': message
            'kinds::request': request
            'kinds::reply': request
            'kinds::error': error
            'kinds::ping': message
            'kinds::pong': message
            'kinds::close': close
            'kinds::welcome': welcome
            'kinds::presence': presence
            'kinds::post': post
            'kinds::delivery': delivery
            'kinds::gap': gap
            'kinds::cancel': cancel
      - id: end
        contents: [0xf8, 0xf5]
  hello:
    doc: Section 4.
    seq:
      - id: magic
        contents: BKND
      - id: canary
        contents: [0x0d, 0x0a, 0x1a, 0x0a, 0xff, 0x11, 0x0d, 0x00]
      - id: major
        type: u1
      - id: minor
        type: u1
      - id: accepted
        type: u1
        doc: Bit n is set if the encoding n is accepted.
      - id: preferred
        type: u1
        enum: encodings
      - id: max_body
        type: u4
      - id: keepalive
        type: u2
        doc: Seconds.
      - id: features
        type: u2
      - id: options
        type: option
        repeat: eos
    instances:
      hub:
        value: features & 1 != 0
  option:
    seq:
      - id: kind
        type: u1
        enum: options
      - id: len_value
        type: u1
      - id: value
        size: len_value
  message:
    seq:
      - id: payload
        size-eos: true
  request:
    seq:
      - id: id
        type: u4
      - id: payload
        size-eos: true
  error:
    seq:
      - id: id
        type: u4
      - id: frame
        type: u4
      - id: code
        type: u2
      - id: reason
        size-eos: true
  cancel:
    seq:
      - id: id
        type: u4
  close:
    seq:
      - id: code
        type: u2
      - id: reason
        size-eos: true
  welcome:
    doc: Section 9, as are the types that follow.
    seq:
      - id: member
        type: u4
      - id: seq
        type: u8
      - id: greeting
        size-eos: true
  presence:
    seq:
      - id: member
        type: u4
      - id: event
        type: u1
        enum: events
      - id: name
        size-eos: true
  post:
    seq:
      - id: to
        type: u4
      - id: payload
        size-eos: true
  delivery:
    seq:
      - id: from
        type: u4
      - id: to
        type: u4
      - id: seq
        type: u8
      - id: time
        type: u8
        doc: Milliseconds since 1970-01-01T00:00:00Z.
      - id: len_name
        type: u1
      - id: name
        size: len_name
      - id: payload
        size-eos: true
  gap:
    seq:
      - id: missed
        type: u8
