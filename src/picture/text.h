/* text.h - reading UTF-8 of which nothing is known. */
#ifndef LSHM_TEXT_H
#define LSHM_TEXT_H

#include <stdint.h>

/* The character at *text, which is not its end; *text moves behind it. What is
 * malformed becomes U+FFFD. */
static inline uint32_t text_decode(const char **text)
{
	const unsigned char *t = (const unsigned char *)*text;
	uint32_t lead = *t, more = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	uint32_t point = more ? lead & (0x3fu >> more) : lead;
	uint32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : more ? 0x80 : 0, i = 1;
	while (i <= more && (t[i] & 0xc0) == 0x80)
		point = point << 6 | (t[i++] & 0x3fu);
	*text += i;
	if (i <= more || (!more && lead >= 0x80) || point < least || point > 0x10ffff ||
	    (point >= 0xd800 && point < 0xe000))
		return 0xfffd;
	return point;
}

/* Whether a terminal or a document may be given the character as it is. */
static inline int text_printable(uint32_t point)
{
	return point >= 0x20 && !(point >= 0x7f && point < 0xa0) && (point & 0xfffe) != 0xfffe;
}

#endif
