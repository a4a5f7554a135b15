// SPDX-License-Identifier: Apache-2.0
// A certificate of registry.example and other.example, which signed itself, and its key. It is good for tests only.
#pragma once

// clang-format off
#define CERTIFICATE \
	"-----BEGIN CERTIFICATE-----\n" \
	"MIIBoTCCAUegAwIBAgIUEdnfu5Rsd5pPW8DsAiyj/m3TbUEwCgYIKoZIzj0EAwIw\n" \
	"DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjYwNTA1NDVaGA8yMTI2MTEwMjA1MDU0\n" \
	"NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAS5\n" \
	"Ta4RAOh/FJGncpqszXiiRBtG6b+x+2qsCuU+c4JCg3yIWAG42xZUo5wtv8SeUu+8\n" \
	"v5Gao8lUWhKaT4tz08ijfzB9MB0GA1UdDgQWBBQLDjb5xX+veHwkNbagLQrCMM03\n" \
	"IDAfBgNVHSMEGDAWgBQLDjb5xX+veHwkNbagLQrCMM03IDAqBgNVHREEIzAhghBy\n" \
	"ZWdpc3RyeS5leGFtcGxlgg1vdGhlci5leGFtcGxlMA8GA1UdEwEB/wQFMAMBAf8w\n" \
	"CgYIKoZIzj0EAwIDSAAwRQIhAO/pSP3+OukC/C/zr5Ti53nQ8rgyIbK9e0dQSzW0\n" \
	"Pb2WAiBbdaYJNrKWxl4iKZDBRCS7R++2iDh0LMB0xDYt0RdbWg==\n" \
	"-----END CERTIFICATE-----\n"

#define CERTIFICATE_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTfvfpCB9YcCBxF+4\n" \
	"VvHcyIPzjEJWcCVcr25mhjEgdY6hRANCAAQEuU2uEQDofxSRp3KarM14okQbRum/\n" \
	"sftqrArlPnOCQoN8iFgBuNsWVKOcLb/EnlLvvL+RmqPJVFoSmk+Lc9PI\n" \
	"-----END PRIVATE KEY-----\n"
// clang-format on
