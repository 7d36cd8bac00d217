# SPDX-License-Identifier: ISC
#
# Reads a message from standard input with MIME::Parser and tells what it found as JSON: subject; text of all fields by
# their names; names and addresses in those that have them; and the leaves in their order, with type, charset,
# disposition, name, content id, and content in base64.
use strict;
use warnings;
use Encode qw(decode decode_utf8);
use JSON::PP;
use Mail::Address;
use MIME::Base64;
use MIME::Parser;

my $parser = MIME::Parser->new;
$parser->output_to_core(1);
$parser->tmp_to_core(1);
$parser->extract_nested_messages(0);
my $entity = $parser->parse(\*STDIN);

# MIME::Parser gives what RFC 2231 encodes as an encoded word.
sub text {
	my ($octets) = @_;
	return undef unless defined $octets;
	return $octets =~ /^=\?UTF-8\?Q\?/ ? decode('MIME-Header', $octets) : decode_utf8($octets);
}

sub leaves {
	my ($e) = @_;
	my $head = $e->head;

	return map { leaves($_) } $e->parts if $e->parts;
	return {
		type => $e->mime_type,
		charset => scalar $head->mime_attr('content-type.charset'),
		disposition => scalar $head->mime_attr('content-disposition'),
		name => text(scalar $head->mime_attr('content-disposition.filename')),
		id => scalar $head->get('content-id'),
		content => encode_base64(defined $e->bodyhandle ? $e->bodyhandle->as_string : '', ''),
	};
}

# The bodies of the fields of that name, unfolded (RFC 5322 section 2.2.3): MIME::Head keeps the line ends.
sub bodies {
	my ($name) = @_;
	my @bodies = $entity->head->get_all($name);

	for (@bodies) {
		chomp;
		s/\r?\n(?=[ \t])//g;
	}
	return @bodies;
}

# Encoded words, or raw UTF-8.
sub words {
	my ($octets) = @_;
	return $octets =~ /=\?/ ? decode('MIME-Header', $octets) : decode_utf8($octets);
}

# Mail::Address keeps quotes and backslashes.
sub name {
	my ($phrase) = @_;

	return words($phrase) unless $phrase =~ s/^"(.*)"$/$1/s;
	$phrase =~ s/\\(.)/$1/gs;
	return decode_utf8($phrase);
}

# A name too, of who has no other.
sub comment {
	my ($comment) = @_;

	$comment =~ s/^\((.*)\)$/$1/s;
	$comment =~ s/\\(.)/$1/gs;
	return words($comment);
}

sub people {
	my ($name) = @_;

	return map {
		[length $_->phrase ? name($_->phrase) : comment($_->comment), decode_utf8($_->address)]
	} Mail::Address->parse(bodies($name));
}

my %fields = map { lc $_ => [map { words($_) } bodies($_)] } $entity->head->tags;
my %people = map { $_ => [people($_)] } grep { exists $fields{$_} } qw(from to cc reply-to);
print JSON::PP->new->ascii->encode({
	subject => $fields{subject}[0],
	fields => \%fields,
	people => \%people,
	type => $entity->mime_type,
	errors => [$parser->results->errors, $parser->results->warnings],
	leaves => [leaves($entity)],
});
