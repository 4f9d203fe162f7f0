<?php
// Bookend's frames in PHP 8 (SPEC.md, section 2), and the adapter's requests `frame` and `encode`.
declare(strict_types=1);

final class Fault extends Exception {}
final class Decoder {
    private const START = "\xF5\xF8", STOP = "\xF8\xF5", HEADER = 8;
    public string $buffer = '';
    private int $offset = 0; // of the next frame in the stream
    public function __construct(private int $limit) {}
    public static function encode(int $kind, int $encoding, string $body): string {
        return self::START . pack('CCN', $kind, $encoding, strlen($body)) . $body . self::STOP; // not mb_strlen
    }

    /** The next frame as [kind, encoding, body], or null while it is incomplete. */
    public function next(): ?array {
        $this->check(0, self::START, 'bad-start');
        if (strlen($this->buffer) > 3 && ord($this->buffer[3]) > 4) $this->fault('unknown-encoding', 3);
        if (strlen($this->buffer) < self::HEADER) return null;
        ['kind' => $kind, 'encoding' => $encoding, 'length' => $length] = unpack('Ckind/Cencoding/Nlength', $this->buffer, 2);
        if ($length > min($this->limit, 0x7FFFFFFF)) $this->fault('too-long', 4);
        $this->check(self::HEADER + $length, self::STOP, 'bad-end');
        if (strlen($this->buffer) < self::HEADER + $length + 2) return null;
        $body = substr($this->buffer, self::HEADER, $length);
        $this->buffer = substr($this->buffer, self::HEADER + $length + 2);
        $this->offset += self::HEADER + $length + 2;
        return [$kind, $encoding, $body];
    }

    /** Throws unless the bytes at this place are the two wanted, as far as they have arrived. */
    private function check(int $at, string $wanted, string $name): void {
        $arrived = substr($this->buffer, $at, 2);
        for ($i = 0; $i < strlen($arrived); $i++) if ($arrived[$i] !== $wanted[$i]) $this->fault($name, $at + $i);
    }

    private function fault(string $name, int $at): never {
        throw new Fault("fault:$name:" . $this->offset + $at);
    }
}

$bytes = fn (string $word): string => $word === '-' ? '' : hex2bin($word);
$hex = fn (string $bytes): string => $bytes === '' ? '-' : bin2hex($bytes);
while (($line = fgets(STDIN)) !== false) {
    [$request, $first, $second, $third] = explode(' ', trim($line));
    [$decoder, $items] = [new Decoder((int) $first), []];
    try {
        if ($request === 'encode') {
            echo 'ok ', $hex(Decoder::encode((int) hexdec($first), (int) $second, $bytes($third))), "\n";
            continue;
        }
        foreach ($second === 'bytes' && $third !== '-' ? str_split($bytes($third)) : [$bytes($third)] as $piece) {
            $decoder->buffer .= $piece;
            while ($frame = $decoder->next()) $items[] = sprintf('%02x:%d:%s', $frame[0], $frame[1], $hex($frame[2]));
        }
        $items[] = $decoder->buffer === '' ? 'end' : 'more';
    } catch (Fault $fault) {
        $items[] = $fault->getMessage();
    }
    echo implode(' ', $items), "\n";
}
