// berthd's [est], asked by programs that are none of ours: curl with openssl, and strongSwan's pki.
#include "est_world.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class ForeignClient : public EstServer {
protected:
    // A request by openssl: base64 of DER, in lines.
    static std::string request(const std::string& name, const std::string& subject, const std::vector<std::string>& more = {}) {
        std::vector<std::string> all{"req",    "-new",  "-newkey",        "ec",      "-pkeyopt",        "ec_paramgen_curve:P-256",
                                     "-nodes", "-subj", subject,          "-keyout", at(name + ".key"), "-outform",
                                     "DER",    "-out",  at(name + ".der")};
        all.insert(all.end(), more.begin(), more.end());
        const auto made = openssl(all);
        EXPECT_EQ(made.exit, 0) << made.all();
        EXPECT_EQ(openssl({"base64", "-in", at(name + ".der"), "-out", at(name + ".b64")}).exit, 0);
        return "@" + at(name + ".b64");
    }
    static program_result post(const std::string& target, const std::string& data, std::vector<std::string> more = {},
                               const std::string& type = "application/pkcs10") {
        more.insert(more.end(), {"-H", "Content-Type: " + type, "--data-binary", data, target});
        return curl(more);
    }
    static std::vector<std::string> password(const std::string& which = "correct horse") { return {"-u", "SN-7:" + which}; }
    // The certificates of an answer, as openssl reads them.
    static std::string subjects_in(const program_result& answer, const std::string& file) {
        std::string body;
        for (size_t i = 0; i + 1 < answer.output.size(); ++i) {
            body += answer.output[i] + "\n";
        }
        write(file + ".p7.b64", body);
        // -A: all on one line, as RFC 8951 has it.
        EXPECT_EQ(openssl({"base64", "-d", "-A", "-in", at(file + ".p7.b64"), "-out", at(file + ".p7")}).exit, 0) << body;
        const auto read =
            openssl({"pkcs7", "-inform", "DER", "-in", at(file + ".p7"), "-print_certs", "-out", at(file + ".pem")});
        EXPECT_EQ(read.exit, 0) << read.all();
        return got(app::read_text(at(file + ".pem")));
    }
};

TEST_F(ForeignClient, CurlGetsTheCertificatesOfTheCa) {
    const auto all = curl({url("", "cacerts")});
    ASSERT_EQ(status_of(all), "200") << all.all();
    const std::string subjects = subjects_in(all, "cacerts");
    EXPECT_NE(subjects.find("Birch"), std::string::npos) << subjects;
    // libest reads wrapped lines only.
    const auto wrapped = curl({"-A", "libest 3.2", url("", "cacerts")});
    EXPECT_GT(wrapped.output.size(), 5U);
    EXPECT_EQ(all.output.size(), 3U) << "one line, its end, the status";
}

TEST_F(ForeignClient, CurlEnrolsWithAPassword) {
    const auto data = request("curl", "/serialNumber=SN-7");
    const auto asked = post(url("password", "simpleenroll"), data);
    EXPECT_EQ(status_of(asked), "401") << asked.all();
    const auto done = post(url("password", "simpleenroll"), data, password());
    ASSERT_EQ(status_of(done), "200") << done.all();
    subjects_in(done, "curl-leaf");
    const auto verified = openssl({"verify", "-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.pem"), at("curl-leaf.pem")});
    EXPECT_EQ(verified.exit, 0) << verified.all();
    EXPECT_EQ(status_of(post(url("password", "simplereenroll"), data, password())), "403")
        << "nothing is shown that could be renewed";
}

TEST_F(ForeignClient, CurlEnrolsWithACertificate) {
    const std::vector<std::string> idevid{"--cert", at("SN-1.pem"), "--key", at("SN-1.key")};
    const auto done = post(url("", "simpleenroll"), request("mtls", "/serialNumber=SN-1"), idevid);
    ASSERT_EQ(status_of(done), "200") << done.all();
    const auto extra =
        post(url("", "simpleenroll"), request("extra", "/serialNumber=SN-1", {"-addext", "1.2.3.4=ASN1:UTF8String:x"}), idevid);
    EXPECT_EQ(status_of(extra).front(), '4') << "never dropped: " << extra.all();
    EXPECT_NE(extra.all().find("1.2.3.4"), std::string::npos) << extra.all();
    const auto ca =
        post(url("", "simpleenroll"), request("ca-wish", "/serialNumber=SN-1", {"-addext", "basicConstraints=CA:TRUE"}), idevid);
    EXPECT_EQ(status_of(ca).front(), '4') << ca.all();
}

// Who asks for just what he would be given is given it; and clients (libest) copy all of a certificate into the request for the
// next one, which is honoured as long as it comes out the same.
TEST_F(ForeignClient, WhatComesOutTheSameMayBeAskedFor) {
    const auto data = request("whole", "/O=Birch/serialNumber=SN-7");
    const auto first = post(url("", "simpleenroll"), data, password());
    ASSERT_EQ(status_of(first), "200") << first.all();
    subjects_in(first, "whole");
    EXPECT_EQ(status_of(post(url("", "simpleenroll"), request("other-o", "/O=Cedar/serialNumber=SN-7"), password())).front(),
              '4');

    const auto copied = openssl({"x509", "-x509toreq", "-copy_extensions", "copyall", "-in", at("whole.pem"), "-signkey",
                                 at("whole.key"), "-out", at("copied.pem")});
    ASSERT_EQ(copied.exit, 0) << copied.all();
    EXPECT_EQ(openssl({"req", "-in", at("copied.pem"), "-outform", "DER", "-out", at("copied.der")}).exit, 0);
    EXPECT_EQ(openssl({"base64", "-in", at("copied.der"), "-out", at("copied.b64")}).exit, 0);
    const auto renewed =
        post(url("", "simplereenroll"), "@" + at("copied.b64"), {"--cert", at("whole.pem"), "--key", at("whole.key")});
    EXPECT_EQ(status_of(renewed), "200") << renewed.all();
}

TEST_F(ForeignClient, GuessingEnds) {
    const auto data = request("guess", "/serialNumber=SN-7");
    std::string last;
    for (int i = 0; i < 7; ++i) {
        last = status_of(post(url("password", "simpleenroll"), data, password("guess")));
    }
    EXPECT_EQ(last, "429");
    // Who was let in before is known.
    EXPECT_EQ(status_of(post(url("password", "simpleenroll"), data, password())).front(), '2');
}

TEST_F(ForeignClient, WhatIsNoRequestIsRefusedAsWhatItIs) {
    const std::vector<std::string> idevid{"--cert", at("SN-1.pem"), "--key", at("SN-1.key")};
    const auto data = request("bad", "/serialNumber=SN-1");
    const auto status = [&](const std::string& operation, const std::string& body,
                            const std::string& type = "application/pkcs10") {
        return status_of(post(url("", operation), body, idevid, type));
    };
    EXPECT_EQ(status("simpleenroll", data, "application/json"), "415");
    EXPECT_EQ(status("simpleenroll", "not base64!"), "400");
    EXPECT_EQ(status("simpleenroll", "AAAA"), "400");
    EXPECT_EQ(status("simpleenroll", ""), "400");
    write("large", std::string(1'000'000, 'A'));
    EXPECT_EQ(status("simpleenroll", "@" + at("large")), "413");
    EXPECT_EQ(status("fullcmc", data), "501") << "what is not there does not answer 200";
    EXPECT_EQ(status("nothing", data), "404");
    EXPECT_EQ(status("cacerts", data), "405");
    EXPECT_EQ(status_of(post(url("no-such-label", "simpleenroll"), data, idevid)), "404");
    // A bit of the signature is another one.
    std::string der = got(app::read_text(at("bad.der")));
    der.back() = static_cast<char>(der.back() ^ 1);
    write("forged.der", der);
    EXPECT_EQ(openssl({"base64", "-in", at("forged.der"), "-out", at("forged.b64")}).exit, 0);
    EXPECT_EQ(status("simpleenroll", "@" + at("forged.b64")), "400");
    EXPECT_EQ(status_of(post(url("", "simpleenroll"), data, idevid)), "200") << "the server is as it was";
}

// It knows no labels, and TLS 1.2 alone.
TEST_F(ForeignClient, StrongswanEnrolsAndRenews) {
    const std::string address = fmt::format("https://localhost:{}", ports.at("https-tls12"));
    const auto cacerts = run_program("/usr/bin/pki", {"--estca", "--url", address, "--cacert", at("web.pem"), "--caout",
                                                      at("strongswan-ca.pem"), "--outform", "pem", "--force"});
    ASSERT_EQ(cacerts.exit, 0) << cacerts.all();
    const auto pki = [&](const std::string& how, const std::string& out) {
        return run_program(
            "/bin/sh",
            {"-c", fmt::format("cd {} && pki --est --url {} --cacert web.pem --cacert ca/z2.pem --cacert ca/ldevid-ca.pem "
                               "{} --outform pem > {}",
                               directory->path().string(), address, how, out)});
    };
    request("swan", "/serialNumber=SN-7");
    EXPECT_NE(pki("--in swan.der --userpass 'SN-7:guess'", "none.pem").exit, 0);
    const auto enrolled = pki("--in swan.der --userpass 'SN-7:correct horse'", "swan.pem");
    ASSERT_EQ(enrolled.exit, 0) << enrolled.all();
    EXPECT_EQ(leaf("swan").subject(), "serialNumber=SN-7,O=Birch");
    request("swan-next", "/O=Birch/serialNumber=SN-7");
    const auto renewed = pki("--in swan-next.der --cert swan.pem --key swan.key", "swan-next.pem");
    ASSERT_EQ(renewed.exit, 0) << renewed.all();
    EXPECT_NE(leaf("swan-next").serial_hex(), leaf("swan").serial_hex());
}

}  // namespace
}  // namespace berth::test
