# SPDX-License-Identifier: ISC
#
# Reads a message from standard input with MIME::Parser and tells what it found as JSON: subject, and the leaves in their
# order, with type, charset, disposition, name, content id, and content in base64.
use strict;
use warnings;
use Encode qw(decode decode_utf8);
use JSON::PP;
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

my $subject = $entity->head->get('subject');
if (defined $subject) {
	chomp $subject;
	# Unfolding (RFC 5322 section 2.2.3): MIME::Head keeps the line ends.
	$subject =~ s/\r?\n(?=[ \t])//g;
	$subject = decode('MIME-Header', $subject);
}
print JSON::PP->new->ascii->encode({
	subject => $subject,
	type => $entity->mime_type,
	errors => [$parser->results->errors, $parser->results->warnings],
	leaves => [leaves($entity)],
});
