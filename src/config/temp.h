/* SPDX-License-Identifier: ISC */
#ifndef SENDOFF_CONFIG_TEMP_H
#define SENDOFF_CONFIG_TEMP_H

/*
 * The folder for unnamed files: $TMPDIR where it is an absolute path (and this is no set-id
 * process), else "/tmp".
 */
const char *temp_dir(void);

#endif
