#!/usr/bin/env perl
# Bookend's frames in Perl (SPEC.md, section 2), and the adapter's requests `frame` and `encode`.
use strict;
use warnings;
use constant { START => "\xF5\xF8", STOP => "\xF8\xF5", HEADER => 8 };

sub encode {
    my ($kind, $encoding, $body) = @_;    # the body is bytes: encode text first
    return pack 'a2 C2 N/a* a2', START, $kind, $encoding, $body, STOP;
}

sub fault {
    my ($stream, $name, $at) = @_;
    die "fault:$name:" . ($stream->{offset} + $at) . "\n";
}

# Dies unless the bytes at this place are the two wanted, as far as they have arrived.
sub check {
    my ($stream, $at, $wanted, $name) = @_;
    my $arrived = length($stream->{buffer}) > $at ? substr $stream->{buffer}, $at, 2 : '';
    for my $byte (0 .. length($arrived) - 1) {
        fault($stream, $name, $at + $byte) if substr($arrived, $byte, 1) ne substr($wanted, $byte, 1);
    }
}

# The next frame of {buffer, offset, limit} as [kind, encoding, body]; nothing while it is incomplete.
sub next_frame {
    my ($stream) = @_;
    check($stream, 0, START, 'bad-start');
    my (undef, $kind, $encoding, $length) = unpack 'a2 C2 N', $stream->{buffer} . "\0" x HEADER;
    fault($stream, 'unknown-encoding', 3) if $encoding > 4;
    return if length $stream->{buffer} < HEADER;
    fault($stream, 'too-long', 4) if $length > $stream->{limit} || $length > 0x7FFFFFFF;
    check($stream, HEADER + $length, STOP, 'bad-end');
    return if length $stream->{buffer} < HEADER + $length + 2;
    my $body = substr $stream->{buffer}, HEADER, $length;
    substr $stream->{buffer}, 0, HEADER + $length + 2, '';
    $stream->{offset} += HEADER + $length + 2;
    return [$kind, $encoding, $body];
}

sub hex_of { return length $_[0] ? unpack 'H*', $_[0] : '-' }
sub bytes_of { return $_[0] eq '-' ? '' : pack 'H*', $_[0] }
$| = 1;
while (my $line = <STDIN>) {
    my ($request, @words) = split ' ', $line;
    if ($request eq 'encode') {
        print 'ok ', hex_of(encode(hex $words[0], $words[1], bytes_of($words[2]))), "\n";
        next;
    }
    my $stream = { buffer => '', offset => 0, limit => $words[0] };
    my (@items, $ending);
    for my $piece ($words[1] eq 'bytes' ? unpack '(a1)*', bytes_of($words[2]) : bytes_of($words[2])) {
        $stream->{buffer} .= $piece;
        eval { while (my $frame = next_frame($stream)) { push @items, sprintf '%02x:%d:%s', @$frame[0, 1], hex_of($frame->[2]) } };
        last if $ending = $@;
    }
    chomp($ending ||= length $stream->{buffer} ? 'more' : 'end');
    print join(' ', @items, $ending), "\n";
}
