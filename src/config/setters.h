/* SPDX-License-Identifier: ISC */
/*
 * How the values of keys get into a draft: what the rows of the table in keys.c name.
 */
#ifndef SENDOFF_CONFIG_SETTERS_H
#define SENDOFF_CONFIG_SETTERS_H

#include "config/keys.h"

/* Puts the value into the draft.  Errors: ERR_CONFIG without place, ERR_SYSTEM. */
typedef int setter(struct draft *draft, const struct key *key, const struct value *value,
    struct err *err);

/* For any text that the row's check takes; and for texts of one form. */
setter set_text, set_address, set_path, set_path_or_url, set_switch, set_off, set_duration,
    set_size, set_feature;

setter set_server, set_host, set_port, set_protocol, set_socket;
setter set_password, set_password_file, set_password_command, set_token_command, set_auth;
setter set_from, set_tls, set_tls_min, set_trust_file, set_fingerprint;
setter set_proxy, set_proxy_host, set_deliver_by, set_priority, set_hold;
setter set_aliases, set_rewrite_from;
setter set_queue_dir, set_delivery, set_wait, set_expire, set_retry, set_connections, set_rate;
setter set_log_file, set_syslog;

#endif
