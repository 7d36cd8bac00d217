// SPDX-License-Identifier: ISC
//
// nodemailer's smtp-server on three ports of the loopback interface. What it accepts it keeps as files: N.content, and
// then N.json with the envelope. The only argument is JSON: ports, folder, cert, key, name, size, user, password.

'use strict';

const fs = require('fs');
const path = require('path');
const { SMTPServer } = require('smtp-server');

const settings = JSON.parse(process.argv[2]);
let accepted = 0;

function failure(responseCode, text) {
    return Object.assign(new Error(text), { responseCode });
}

function onAuth(auth, session, callback) {
    const isPassword = auth.method === 'CRAM-MD5' ? auth.validatePassword(settings.password) :
        auth.password === settings.password;
    if (auth.username !== settings.user || !isPassword) {
        return callback(failure(535, 'authentication failed'));
    }
    session.mechanism = auth.method;
    return callback(null, { user: auth.username });
}

function onRcptTo(address, session, callback) {
    if (address.address.startsWith('unknown')) {
        return callback(failure(550, 'no such user here'));
    }
    if (address.address.startsWith('later')) {
        return callback(failure(450, 'mailbox busy, try again later'));
    }
    return callback();
}

function onData(stream, session, callback) {
    const base = path.join(settings.folder, String(++accepted));
    const file = fs.createWriteStream(base + '.content');
    stream.pipe(file).on('finish', () => {
        const { mailFrom, rcptTo } = session.envelope;
        fs.writeFileSync(base + '.part', JSON.stringify({
            sender: mailFrom.address,
            sender_params: mailFrom.args || {},
            recipients: Object.fromEntries(rcptTo.map(recipient => [recipient.address, recipient.args || {}])),
            mechanism: session.mechanism,
        }));
        fs.renameSync(base + '.part', base + '.json');
        console.log(`accepted ${base}`);
        callback(null, 'accepted');
    });
}

function listen(port, options) {
    const server = new SMTPServer({
        name: settings.name,
        cert: fs.readFileSync(settings.cert),
        key: fs.readFileSync(settings.key),
        size: settings.size,
        authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
        disableReverseLookup: true,
        hideENHANCEDSTATUSCODES: false,
        logger: false,
        onAuth, onRcptTo, onData,
        ...options,
    });
    server.on('error', error => console.log(String(error)));
    server.listen(port, '127.0.0.1');
}

listen(settings.ports.tls, { secure: true });
listen(settings.ports.starttls, {});
listen(settings.ports.plain, { authOptional: true, disabledCommands: ['AUTH', 'STARTTLS'] });
