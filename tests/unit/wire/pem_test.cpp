#include "wire/pem.h"

#include <gmock/gmock.h>

namespace berth::wire {
namespace {

TEST(Pem, LinesOf64Characters) {
    EXPECT_EQ(to_pem("X", bytes(49, 0)), "-----BEGIN X-----\n" + std::string(64, 'A') + "\nAA==\n-----END X-----\n");
    const std::string exact = to_pem("X", bytes(48, 0));
    EXPECT_EQ(exact, "-----BEGIN X-----\n" + std::string(64, 'A') + "\n-----END X-----\n");
}

TEST(Pem, AllBlocksInOrderAndTextBetweenThem) {
    const auto blocks = from_pem("subject=x\n" + to_pem("CERTIFICATE", bytes{1, 2, 3}) + "\nmore text\n" +
                                 to_pem("PRIVATE KEY", bytes(100, 7)) + "end");
    ASSERT_TRUE(blocks) << blocks.error().message;
    ASSERT_EQ(blocks->size(), 2u);
    EXPECT_EQ((*blocks)[0].label, "CERTIFICATE");
    EXPECT_EQ(to_bytes((*blocks)[0].der.reveal()), (bytes{1, 2, 3}));
    EXPECT_EQ((*blocks)[1].der.size(), 100u);
}

TEST(Pem, TextOfOtherSystems) {
    std::string text = to_pem("X", bytes(60, 5));
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
        text.insert(at, 1, '\r');
    }
    EXPECT_EQ(from_pem(text)->front().der.size(), 60u);
}

TEST(Pem, NoBlockIsNoError) {
    EXPECT_TRUE(from_pem("")->empty());
    EXPECT_TRUE(from_pem("hello\n")->empty());
}

TEST(Pem, WhatIsNotWholeIsRefused) {
    for (const std::string& text : {
             std::string("-----BEGIN X-----\nAAAA\n"),                                      // no end
             std::string("AAAA\n-----END X-----\n"),                                        // no beginning
             std::string("-----BEGIN X-----\nAAAA\n-----END Y-----\n"),                     // another's end
             std::string("-----BEGIN X-----\n-----BEGIN X-----\nAAAA\n-----END X-----\n"),  // nested
             std::string("-----BEGIN X-----\nAA*A\n-----END X-----\n"),                     // not base64
             std::string("-----BEGIN X-----\nAAA\n-----END X-----\n"),                      // padding missing
             std::string("-----BEGIN X-----\nAB==\n-----END X-----\n"),                     // bits left over
         }) {
        const auto read = from_pem(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().name, "bad_pem") << text;
    }
}

}  // namespace
}  // namespace berth::wire
