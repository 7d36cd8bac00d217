/* SPDX-License-Identifier: ISC */
/*
 * Resent- fields: who passed a message on, unchanged (RFC 5322 section 3.6.6).
 */
#ifndef SENDOFF_MESSAGE_RESENT_H
#define SENDOFF_MESSAGE_RESENT_H

#include "base/span.h"

/*
 * The newest block of Resent- fields in a header block: the stretch from the first Resent- field to
 * where the block ends; empty where the message was not resent.
 *
 * Each resending puts its block on top of what it received, and each has a field once at most.  So
 * the newest block is the topmost, and ends before
 * - a field that is put on top when a message travels (Received, Return-Path, Delivered-To,
 *   X-Original-To): what is below was resent before that journey;
 * - a second Resent-From, -Sender, -To, -Cc, -Bcc, -Reply-To, -Date or -Message-ID: two resendings
 *   without one. Other fields do not end it, though they should not stand there: KMail writes To
 *   between Resent-From and Resent-To.
 */
struct span resent_newest(struct span header);

#endif
