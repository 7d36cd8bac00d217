// SPDX-License-Identifier: ISC
// Sends standard input and a file with nodemailer, as a program that uses it would.
//
//   node compose.js PORT USER PASSWORD FROM TO SUBJECT FILE < TEXT
'use strict'

const [port, user, pass, from, to, subject, path] = process.argv.slice(2)
const transport = require('nodemailer').createTransport({
    host: 'localhost', port: Number(port), secure: true, authMethod: 'PLAIN', auth: { user, pass }
})

transport.sendMail({ from, to, subject, text: process.stdin, attachments: [{ path }] }).catch(error => {
    console.error(error.message)
    process.exit(1)
})
