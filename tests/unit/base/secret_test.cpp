// What a secret leaves behind: nothing.
#include "base/secret.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <new>

namespace {

// What the last block of the watched size held when it was given back.
size_t watched_size = 0;
std::vector<uint8_t>* seen = nullptr;

void look_at(void* block, size_t size) {
    if (seen && size == watched_size) {
        auto* const out = std::exchange(seen, nullptr);  // its own memory is not looked at
        const auto* const octets = static_cast<const uint8_t*>(block);
        out->assign(octets, octets + size);
    }
}

}  // namespace

// This binary's own: std::allocator gives memory back through the sized form.
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, size_t size) noexcept {
    look_at(block, size);
    std::free(block);
}
void* operator new(size_t size) {
    if (void* const block = std::malloc(size)) {
        return block;
    }
    throw std::bad_alloc();
}
// Of std::stable_sort, among others: a sanitizer's own would not fit the delete above.
void* operator new(size_t size, const std::nothrow_t& /*unused*/) noexcept {
    return std::malloc(size);
}
void operator delete(void* block, const std::nothrow_t& /*unused*/) noexcept {
    std::free(block);
}

namespace berth {
namespace {

// Gives back a block of `size` octets, all 0xaa, through `use`; what was in it then.
template <class F>
std::vector<uint8_t> given_back(size_t size, F&& use) {
    std::vector<uint8_t> out;
    out.reserve(size);
    watched_size = size;
    seen = &out;
    use();
    seen = nullptr;
    return out;
}

constexpr size_t odd_size = 4'099;  // nobody else's

TEST(Secret, IsOverwrittenBeforeItsMemoryIsGivenBack) {
    const auto plain = given_back(odd_size, [] { bytes data(odd_size, 0xaa); });
    ASSERT_EQ(plain.size(), odd_size) << "the test does not see what it should";
    EXPECT_THAT(plain, testing::Contains(0xaa)) << "ordinary octets stay behind: the test can tell";
    const auto secret = given_back(odd_size, [] {
        secret_bytes data(odd_size);
        std::ranges::fill(data.writable(), uint8_t{0xaa});
    });
    ASSERT_EQ(secret.size(), odd_size);
    EXPECT_THAT(secret, testing::Each(0));
}

TEST(Secret, GrowingLeavesNoCopy) {
    const auto before = given_back(odd_size, [] {
        secret_bytes data(odd_size);
        std::ranges::fill(data.writable(), uint8_t{0xaa});
        data.append(bytes(odd_size * 2, 1));  // moves
    });
    ASSERT_EQ(before.size(), odd_size);
    EXPECT_THAT(before, testing::Each(0));
}

TEST(Secret, GrowingKeepsTheContents) {
    secret_bytes s(bytes_view(bytes{1, 2, 3}));
    s.append(bytes(100, 9));
    ASSERT_EQ(s.size(), 103u);
    EXPECT_EQ(s.reveal()[0], 1);
    EXPECT_EQ(s.reveal()[102], 9);
    s.resize(2);
    EXPECT_EQ(to_bytes(s.reveal()), (bytes{1, 2}));
}

TEST(Secret, ClearedIsEmpty) {
    secret_bytes s(size_t{32});
    std::ranges::fill(s.writable(), uint8_t{7});
    s.clear();
    EXPECT_TRUE(s.empty());
    EXPECT_EQ(s.size(), 0u);
}

template <class T>
concept comparable = requires(const T& a, const T& b) { a == b; };
template <class T>
concept printable = requires(std::ostream& to, const T& a) { to << a; };

TEST(Secret, CanNeitherBeComparedNorPrintedNorTakenForOctets) {
    static_assert(!comparable<secret_bytes>);
    static_assert(!printable<secret_bytes>);
    static_assert(!std::is_convertible_v<secret_bytes, bytes_view>);
    static_assert(!std::is_convertible_v<secret_bytes, bytes>);
    static_assert(!std::is_convertible_v<bytes, secret_bytes>, "nor made without being asked for");
}

}  // namespace
}  // namespace berth
