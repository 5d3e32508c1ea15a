/* json.h - writes JSON to standard output as it comes. Commas and line breaks
 * come by themselves; text that is no UTF-8 is made so.
 */
#ifndef LSHM_JSON_H
#define LSHM_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* key: NULL in a list and at the top. */
void json_object(const char *key);
void json_list(const char *key);
void json_end(void); /* of the innermost object or list */
/* How many are open, and the end of all but `keep` of them. */
int json_depth(void);
void json_unwind(int keep);
void json_number(const char *key, uint64_t value);
void json_text(const char *key, const char *value); /* NULL: null */
void json_bool(const char *key, bool value);

#endif
