/* table.h - tables, sizes and colours for people. Colours only where standard
 * output is a terminal and NO_COLOR is not set.
 */
#ifndef LSHM_TABLE_H
#define LSHM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum colour { PLAIN, BOLD, DIM, GREEN, YELLOW, RED };

/* Text that may have come from anywhere: what a terminal could take for a command
 * is shown as "?". */
void print_text(FILE *file, const char *text);
/* On standard output. */
void print_colour(enum colour colour, const char *text);
/* 1.2 MiB, or with `exact` all digits. */
const char *size_text(char *buffer, size_t room, uint64_t bytes, bool exact);

/* Ends the command: there is no memory for what it is to print. */
_Noreturn void out_of_memory(void);

/* A row is a call of table_cell for each column. Its first row is the heading. A
 * column's width is that of its widest cell, so the table is printed at the
 * end; numbers stand to the right. */
void table_begin(int columns);
void table_cell(enum colour colour, bool right, const char *text);
void table_number(uint64_t value);
void table_size(uint64_t bytes, bool exact);
void table_end(void);

#endif
