/* SPDX-License-Identifier: ISC */
/*
 * The folder that a queue lies in: the way to it, what it must be like, and what its file system
 * keeps.  For the files of store.h only.
 */
#ifndef SENDOFF_STORE_FOLDER_H
#define SENDOFF_STORE_FOLDER_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Opens the folder of a queue, or returns -1; `make`: also makes it (0700), and the folders above
 * it (0755; 0700 where they belong to a user), and syncs what was made.
 *
 * It must belong to the effective user, and nobody else may write there.  Symbolic links may lead
 * to it, also of other users, where these cannot change them: one that belongs neither to root nor
 * to the effective user must lie in a folder that belongs to one of them, and where nobody else can
 * write.  Who could change a link could have mail put into another folder, or hide what waits.
 * Errors: those of store_open().
 */
int folder_open(const char *path, bool make, struct err *err);

/*
 * True where fsync(2) of a folder may make a new name durable without what the file itself says of
 * it (how many names it has, or with FAT where its data lies): then the file is to be synced once
 * more behind its name.
 */
bool folder_forgets_files(int folder);

#endif
