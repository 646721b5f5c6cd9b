// A maker's releases, over nginx, into a device's slots; and what stands in the way of others.
#include "shop.h"
#include "updating/publishing.h"

namespace berth::test {
namespace {

class FirmwareInstall : public Shop {
protected:
    // Installed, started and confirmed.
    static void first_release(const device& d, const std::string& repository, const std::string& rootfs) {
        const auto installed = d.install(url(repository));
        ASSERT_EQ(installed.exit, 0) << installed.all();
        ASSERT_EQ(d.boot(), "b");
        ASSERT_EQ(d.ask("confirm").exit, 0);
        ASSERT_EQ(d.content("b", "rootfs"), rootfs);
    }
};

TEST_F(FirmwareInstall, FromThePackToTheSlotAndOnByDelta) {
    const auto first = made_up(1, 300'000);
    auto second = first;
    second.replace(1000, 500, made_up(2, 500));
    const auto one = package("whole-1", 1, {{"kernel", "kernel 1"}, {"rootfs", first}}, {"--security-counter", "1"});
    for (const auto& in : {one, at("root.json")}) {
        const auto seen = run_program("berth", {"--json", "firmware", "inspect", "--in", in});
        EXPECT_EQ(seen.exit, 0) << seen.all();
        EXPECT_FALSE(seen.json().at("verified").as_bool());
    }
    const auto verified = run_program("berth", {"--json", "firmware", "verify", "--root", at("root.json"), "--in", one});
    EXPECT_EQ(verified.exit, 0) << verified.all();
    publish("entire", {one}, true);

    const device d("whole");
    const auto repository = fmt::format("https://localhost:{}/entire/", tls_port);
    const std::vector<std::string> trusting{"--ca", at("ca.pem")};
    const auto installed = d.install(repository, trusting);
    ASSERT_EQ(installed.exit, 0) << installed.all();
    EXPECT_TRUE(has_event(installed, "switched"));
    EXPECT_EQ(d.status("state"), "switched");
    EXPECT_EQ(d.status("trial"), "waiting");
    EXPECT_EQ(d.status("security_counter"), "0");
    EXPECT_EQ(refusal(d.ask("confirm")), "not_running") << "it does not run yet";
    EXPECT_EQ(d.boot(), "b");
    EXPECT_EQ(d.status("trial"), "running");
    EXPECT_EQ(d.install(repository, trusting).exit, 0) << "a second time: it waits to be confirmed";
    ASSERT_EQ(d.ask("confirm").exit, 0);
    ASSERT_EQ(d.ask("confirm").exit, 0) << "said twice";
    EXPECT_EQ(d.boot(), "b") << "it holds";
    EXPECT_EQ(d.content("b", "rootfs"), first);
    EXPECT_EQ(d.content("b", "kernel"), "kernel 1");
    EXPECT_EQ(d.status("installed_seq"), "1");
    EXPECT_EQ(d.status("security_counter"), "1");
    EXPECT_EQ(d.status("state"), "confirmed");

    write_file(at("base"), first);
    const auto two = package("whole-2", 2, {{"kernel", "kernel 2"}, {"rootfs", second}},
                             {"--base", "rootfs=" + at("base"), "--security-counter", "1"});
    EXPECT_EQ(try_publish("entire", {"--package", one}).error_name(), "not_newer");
    publish("entire", {two});
    EXPECT_EQ(try_publish("entire", {"--package", one}).error_name(), "not_newer");
    const auto by_delta = d.install(repository, trusting);
    ASSERT_EQ(by_delta.exit, 0) << by_delta.all();
    EXPECT_TRUE(has_event(by_delta, "delta")) << by_delta.all();
    EXPECT_EQ(d.content("a", "rootfs"), second);
    EXPECT_EQ(d.boot(), "a");

    // Nobody confirms: the next start is in the old slot, and what has come back is not tried again by itself.
    EXPECT_EQ(d.boot(), "b");
    EXPECT_EQ(refusal(d.install(repository, trusting)), "has_returned");
    EXPECT_EQ(d.status("state"), "returned");
    EXPECT_EQ(d.status("installed_seq"), "1");
    auto again = trusting;
    again.emplace_back("--again");
    EXPECT_EQ(d.install(repository, again).exit, 0);
    EXPECT_EQ(d.boot(), "a");
    ASSERT_EQ(d.ask("confirm").exit, 0);
    const auto nothing = d.install(repository, trusting);
    EXPECT_EQ(nothing.exit, 0) << nothing.all();
    EXPECT_FALSE(has_event(nothing, "chosen"));

    // A lower security counter, though its seq is higher.
    publish("entire", {package("whole-3", 3, {{"rootfs", "three"}})});
    EXPECT_EQ(refusal(d.install(repository, trusting)), "security_rollback");
    EXPECT_EQ(refusal(d.install(repository)), "unknown_issuer") << "another CA's server";
}

TEST_F(FirmwareInstall, ATrialThatIsTakenBackAndADownloadThatIsGivenUp) {
    publish("back", {package("back-1", 1, {{"rootfs", "one"}})}, true);
    const device d("back");
    ASSERT_EQ(d.install(url("back")).exit, 0);
    ASSERT_EQ(d.ask("revert").exit, 0);
    EXPECT_EQ(d.boot(), "a");
    EXPECT_EQ(d.status("state"), "returned");
    EXPECT_EQ(refusal(d.ask("revert")), "wrong_state");
    EXPECT_EQ(refusal(d.ask("confirm")), "wrong_state");
}

TEST_F(FirmwareInstall, ImagesThatAreNotWhatTheManifestSays) {
    const auto image = made_up(3, 200'000);
    const auto one = package("bad-1", 1, {{"rootfs", image}});
    publish("bad", {one}, true);
    const auto stored = fs::path(at("www/bad/images")) / fs::directory_iterator(at("www/bad/images"))->path().filename();
    auto other = image;
    other[150'000] ^= 1;
    for (const auto& [content, name] :
         {std::pair(image.substr(0, 100'000), "size_mismatch"), std::pair(image + "x", "size_mismatch"),
          std::pair(other, "digest_mismatch"), std::pair(std::string(), "size_mismatch")}) {
        const device d("bad-" + std::to_string(content.size()) + name);
        write_file(stored, content);
        EXPECT_EQ(refusal(d.install(url("bad"), {"--attempts", "1"})), name);
        EXPECT_EQ(d.status("state"), "downloading");
        EXPECT_EQ(d.boot(), "a") << "nothing was switched";
        EXPECT_EQ(d.content("b", "rootfs"), "");
        // Once it is repaired, the same command goes on.
        write_file(stored, image);
        const auto repaired = d.install(url("bad"));
        EXPECT_EQ(repaired.exit, 0) << repaired.all();
        EXPECT_EQ(d.content("b", "rootfs"), image);
    }
    fs::remove(stored);
    const device d("bad-gone");
    const auto gone = d.install(url("bad"));
    EXPECT_EQ(refusal(gone), "download_refused");
    EXPECT_FALSE(has_event(gone, "retry")) << "what is not there is not asked for again and again";
    write_file(stored, image);
    EXPECT_EQ(refusal(device("bad-broken").install(url("broken/bad"), {"--attempts", "1"})), "download_failed");
    const auto twice = device("bad-twice").install(url("broken/bad"), {"--attempts", "2"});
    EXPECT_EQ(refusal(twice), "download_failed");
    EXPECT_TRUE(has_event(twice, "retry"));
    EXPECT_EQ(refusal(device("bad-loop").install(url("looping/bad"))), "too_many_redirects");
    EXPECT_EQ(refusal(device("bad-nowhere").install(url("nowhere"))), "no_list");
    for (const auto* const way : {"moved/bad", "whole/bad"}) {
        const device other_way(std::string("bad-") + (way[0] == 'm' ? "m" : "w"));
        const auto r = other_way.install(url(way));
        EXPECT_EQ(r.exit, 0) << way << r.all();
        EXPECT_EQ(other_way.content("b", "rootfs"), image);
    }
    // The manifest, exchanged for another that is as well signed.
    const auto manifests = fs::path(at("www/bad/manifests"));
    const auto manifest = fs::directory_iterator(manifests)->path();
    const auto two = package("bad-2", 2, {{"rootfs", image}});
    write_file(manifest, text_of(two + "/manifest.json"));
    const auto mixed = refusal(device("bad-mixed").install(url("bad"), {"--attempts", "1"}));
    EXPECT_TRUE(mixed == "digest_mismatch" || mixed == "size_mismatch") << mixed;
}

TEST_F(FirmwareInstall, OldListsAndRootsThatDoNotFollow) {
    const auto one = package("old-1", 1, {{"rootfs", "one"}}), two = package("old-2", 2, {{"rootfs", "two"}});
    publish("old", {one}, true);
    const auto list = fs::path(at("www/old/list.json"));
    const auto before = text_of(list);
    publish("old", {two});
    const auto now = text_of(list);
    const device d("old");
    first_release(d, "old", "two");
    write_file(list, before);
    EXPECT_EQ(refusal(d.install(url("old"))), "list_rollback");
    const device fresh("old-fresh");  // who has seen nothing cannot tell, and is given what was right once
    EXPECT_EQ(fresh.install(url("old")).exit, 0);
    write_file(list, now);
    EXPECT_EQ(d.install(url("old")).exit, 0);
    // Withdrawn: devices that have it keep it.
    ASSERT_EQ(try_publish("old", {"--withdraw", "gw-1=2"}).exit, 0);
    const auto older = d.install(url("old"));
    EXPECT_EQ(older.exit, 0) << older.all();
    EXPECT_TRUE(has_event(older, "older_listed"));
    EXPECT_EQ(d.status("installed_seq"), "2");

    // A root that follows, with a new key for lists; the old one signs no more.
    make_key("online2", "ML-DSA-65");
    done({"firmware", "root", "rotate", "--from", at("root.json"), "--signer", "online=" + at("online2.pub"), "--out",
          at("root2.json")});
    EXPECT_EQ(try_publish("old", {"--root", at("root2.json")}).error_name(), "too_few_signers") << "nobody has signed it";
    done({"firmware", "sign", "--in", at("root2.json"), "--key", at("bob.jwk"), "--key", at("bob-es.jwk")});
    EXPECT_EQ(try_publish("old", {"--root", at("root2.json")}).error_name(), "list_unsigned") << "by the old key";
    const auto rotated =
        run_program("berth", {"--json", "firmware", "publish", "--into", at("www/old"), "--root", at("root2.json"), "--list-key",
                              at("online2.jwk"), "--package", package("old-3", 3, {{"rootfs", "three"}})});
    ASSERT_EQ(rotated.exit, 0) << rotated.all();
    const auto third = d.install(url("old"));
    ASSERT_EQ(third.exit, 0) << third.all();
    EXPECT_TRUE(has_event(third, "root"));
    const auto newest = text_of(list);
    write_file(list, now);
    ASSERT_EQ(d.ask("revert").exit, 0);
    EXPECT_EQ(refusal(d.install(url("old"))), "too_few_signers") << "the old key's list, though it was right once";
    write_file(list, newest);
    // The new root is withheld.
    const auto root2 = fs::path(at("www/old/roots/2.json"));
    fs::rename(root2, at("kept"));
    EXPECT_EQ(refusal(device("old-frozen").install(url("old"))), "too_few_signers");
    fs::rename(at("kept"), root2);
    // One that does not follow, and one that nobody has signed, in its place.
    done({"firmware", "root", "rotate", "--from", at("root2.json"), "--out", at("root3.json")});
    done({"firmware", "sign", "--in", at("root3.json"), "--key", at("alice.jwk")});
    const auto kept = text_of(root2);
    write_file(root2, text_of(at("root3.json")));
    EXPECT_EQ(refusal(device("old-jump").install(url("old"))), "root_not_consecutive");
    write_file(root2, "{}");
    EXPECT_EQ(refusal(device("old-none").install(url("old"))), "bad_document");
    write_file(root2, kept);
    EXPECT_EQ(run_program("berth", {"--json", "firmware", "verify", "--root", at("root.json"), "--root", at("root2.json"), "--in",
                                    at("root3.json")})
                  .exit,
              0);
}

TEST_F(FirmwareInstall, WhoIsNotEnoughAndForWhomItIsNot) {
    // One signer of two, and the repository does not take it.
    const auto lone = at("lone");
    done({"firmware", "pack", "--repository", "gw", "--vendor", "Acme", "--class", "gw-1", "--seq", "1", "--release", "1",
          "--component", "rootfs=" + at("root.json"), "--out", lone});
    done({"firmware", "sign", "--in", lone, "--key", at("alice.jwk")});
    EXPECT_EQ(try_publish("lone", {"--root", at("root.json"), "--package", lone}).error_name(), "too_few_signers");
    EXPECT_EQ(run_program("berth", {"--json", "firmware", "verify", "--root", at("root.json"), "--in", lone}).error_name(),
              "too_few_signers");
    // Of two rings, and of another class.
    publish("rings", {package("rings-1", 1, {{"rootfs", "one"}})}, true);
    ASSERT_EQ(try_publish("rings", {"--ring", "lab", "--package", package("rings-2", 2, {{"rootfs", "two"}})}).exit, 0);
    const device rest("rings-rest"), lab("rings-lab");
    ASSERT_EQ(rest.install(url("rings")).exit, 0);
    EXPECT_EQ(rest.content("b", "rootfs"), "one");
    ASSERT_EQ(lab.install(url("rings"), {"--ring", "lab"}).exit, 0);
    EXPECT_EQ(lab.content("b", "rootfs"), "two");
    const auto nothing =
        run_program("berth", {"--json", "firmware", "install", "--repository", url("rings"), "--root", at("root.json"),
                              "--vendor", "Acme", "--class", "gw-2", "--state", at("other.state"), "--slots", at("other.slots")});
    EXPECT_EQ(nothing.exit, 0) << nothing.all();
    EXPECT_FALSE(has_event(nothing, "chosen"));
}

TEST_F(FirmwareInstall, ADeltaOverAnotherImageIsNotUsed) {
    const auto base = made_up(4, 100'000);
    auto next = base;
    next[5] ^= 1;
    write_file(at("wrong-base"), base);
    publish("wrong", {package("wrong-1", 1, {{"rootfs", "not the base"}})}, true);
    const device d("wrong");
    first_release(d, "wrong", "not the base");
    publish("wrong", {package("wrong-2", 2, {{"rootfs", next}}, {"--base", "rootfs=" + at("wrong-base")})});
    const auto r = d.install(url("wrong"));
    ASSERT_EQ(r.exit, 0) << r.all();
    EXPECT_FALSE(has_event(r, "delta"));
    EXPECT_EQ(d.content("a", "rootfs"), next);
}

// Published last week, and not since: nobody can tell whether it is still the newest.
TEST_F(FirmwareInstall, AListThatHasExpired) {
    const auto now = system_clock().now();
    app::publication what;
    what.roots = {at("root.json")};
    what.packages = {package("expired-1", 1, {{"rootfs", "one"}})};
    what.list_keys.push_back(got(jose::read_signing_key(got(wire::parse_json_object(text_of(at("online.jwk")))))));
    constexpr unix_seconds week = 7 * 24 * 60 * 60;
    ASSERT_TRUE(app::publish(at("www/expired"), what, now - week - 1));
    EXPECT_EQ(refusal(device("expired").install(url("expired"))), "list_expired");
    EXPECT_EQ(device("expired-no-clock").install(url("expired"), {"--no-clock"}).exit, 0);
    publish("expired", {});
    EXPECT_EQ(device("expired").install(url("expired")).exit, 0);
}

// A list from the future: time does not go back for who has seen it, until other keys sign lists.
TEST_F(FirmwareInstall, AClockThatWasWrong) {
    const auto now = system_clock().now();
    app::publication what;
    what.roots = {at("root.json")};
    what.packages = {package("clock-1", 1, {{"rootfs", "one"}})};
    what.list_keys.push_back(got(jose::read_signing_key(got(wire::parse_json_object(text_of(at("online.jwk")))))));
    constexpr unix_seconds month = 30 * 24 * 60 * 60;
    ASSERT_TRUE(app::publish(at("www/clock"), what, now + month));
    const device d("clock");
    EXPECT_EQ(d.install(url("clock")).exit, 0);
    ASSERT_EQ(d.ask("revert").exit, 0);
    publish("clock", {package("clock-2", 2, {{"rootfs", "two"}})});
    EXPECT_EQ(refusal(d.install(url("clock"))), "list_expired");
    make_key("online3", "ML-DSA-44");
    done({"firmware", "root", "rotate", "--from", at("root.json"), "--signer", "online=" + at("online3.pub"), "--out",
          at("clock-root2.json")});
    done({"firmware", "sign", "--in", at("clock-root2.json"), "--key", at("alice.jwk")});
    const auto rotated = run_program("berth", {"--json", "firmware", "publish", "--into", at("www/clock"), "--root",
                                               at("clock-root2.json"), "--list-key", at("online3.jwk")});
    ASSERT_EQ(rotated.exit, 0) << rotated.all();
    const auto second = d.install(url("clock"));
    EXPECT_EQ(second.exit, 0) << second.all();
    EXPECT_EQ(d.content("b", "rootfs"), "two");
}

// As on a disk that is full: what is there stays, and once there is room the same command goes on.
TEST_F(FirmwareInstall, ADiskThatIsFull) {
    const auto image = made_up(10, 300'000);
    publish("full", {package("full-1", 1, {{"rootfs", image}})}, true);
    const device d("full");
    auto words = d.words(url("full"));
    words.insert(words.begin(), {"-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh", std::string(BERTH_BIN_DIR) + "/berth"});
    const auto full = run_program("/bin/sh", words);
    EXPECT_EQ(full.exit, 3) << full.all();
    EXPECT_EQ(refusal(full), "file_error") << full.all();
    EXPECT_EQ(d.status("state"), "downloading");
    const auto rest = d.install(url("full"));
    ASSERT_EQ(rest.exit, 0) << rest.all();
    EXPECT_TRUE(has_event(rest, "resumed")) << rest.all();
    EXPECT_EQ(d.content("b", "rootfs"), image);
}

// A program of the maker's in place of directories.
TEST_F(FirmwareInstall, SlotsOfAProgram) {
    publish("hook", {package("hook-1", 1, {{"rootfs", "one"}})}, true);
    const auto hook = at("hook.sh");
    write_file(hook, fmt::format("#!/bin/sh\nset -e\ncd {0}\necho \"$@\" >> hook.log\ncase $1 in\n"
                                 "current) cat hook.current ;;\nwrite) cp \"$4\" \"hook-$2-$3\" ;;\n"
                                 "image) [ ! -e \"hook-$2-$3\" ] || echo \"{0}/hook-$2-$3\" ;;\nactivate|confirm|revert) ;;\n"
                                 "*) echo \"no such word\" >&2; exit 2 ;;\nesac\n",
                                 directory->path().string()));
    fs::permissions(hook, fs::perms(0755));
    write_file(at("hook.current"), "a 1\n");
    const std::vector<std::string> where{"--state", at("hook.state"), "--hook", hook};
    const auto run = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"--json", "firmware"});
        words.insert(words.end(), where.begin(), where.end());
        return run_program("berth", words);
    };
    const std::vector<std::string> install{"install",  "--repository", url("hook"), "--root", at("root.json"),
                                           "--vendor", "Acme",         "--class",   "gw-1"};
    const auto installed = run(install);
    ASSERT_EQ(installed.exit, 0) << installed.all() << text_of(at("hook.log"));
    EXPECT_EQ(text_of(at("hook-b-rootfs")), "one");
    write_file(at("hook.current"), "b 2\n");
    ASSERT_EQ(run({"confirm"}).exit, 0);
    const auto log = text_of(at("hook.log"));
    EXPECT_NE(log.find("activate b\n"), std::string::npos) << log;
    EXPECT_NE(log.find("confirm b\n"), std::string::npos) << log;
    // One that fails, and one that says nonsense.
    publish("hook", {package("hook-2", 2, {{"rootfs", "two"}})});
    write_file(at("hook.current"), "c\n");
    EXPECT_EQ(refusal(run(install)), "bad_slot");
    write_file(hook, "#!/bin/sh\necho broken >&2\nexit 7\n");
    EXPECT_EQ(refusal(run(install)), "hook_failed");
}

// The line is cut in the middle, and comes back; a process is ended in the middle, by hand, and goes on where it was.
TEST_F(FirmwareInstall, GoesOnAfterACut) {
    const auto image = made_up(5, 400'000);
    publish("cut", {package("cut-1", 1, {{"rootfs", image}})}, true);
    const device d("cut");
    auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", d.words(url("slow/cut")));
    ASSERT_TRUE(child);
    std::vector<std::string> lines;
    const auto until = [&](std::string_view word) {
        for (int i = 0; i < 1200 && !child->ended(); ++i) {
            app::poll_children({&*child}, 50);
            for (auto& line : child->take_output_lines()) {
                lines.push_back(line);
                if (line.find(word) != std::string::npos) {
                    return true;
                }
            }
        }
        return false;
    };
    ASSERT_TRUE(until("\"progress\"")) << testing::PrintToString(lines);
    stop_nginx(SIGKILL);
    ASSERT_TRUE(until("\"retry\"")) << testing::PrintToString(lines);
    start_nginx();
    ASSERT_TRUE(until("\"progress\"")) << testing::PrintToString(lines);
    child->terminate();
    const auto ended = collect(*child, 60'000, [&] { app::poll_children({&*child}, 50); });
    EXPECT_EQ(ended.exit, 3) << ended.all();
    EXPECT_EQ(refusal(ended), "cancelled") << ended.all();
    const auto rest = d.install(url("cut"));
    ASSERT_EQ(rest.exit, 0) << rest.all();
    EXPECT_TRUE(has_event(rest, "resumed")) << rest.all();
    EXPECT_EQ(d.content("b", "rootfs"), image);
}

}  // namespace
}  // namespace berth::test
