// SPDX-License-Identifier: Apache-2.0
// Prints every leaf of one space: leaves IMAGE REGIME ROOT.  See leaves.c.
//
// The memory is a file behind callbacks, which may refuse.
#include <ptwalk/ptwalk.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

namespace
{

class Image
{
  public:
    explicit Image(const std::string &path) : file_(path, std::ios::binary)
    {
        if (!file_) {
            throw std::runtime_error(path + ": can't be opened");
        }
    }

    // An exception must not pass through C.
    static ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out) noexcept
    {
        auto &file = static_cast<Image *>(ctx)->file_;
        std::array<unsigned char, 8> bytes;

        file.clear();
        file.seekg(static_cast<std::streamoff>(pa.v));
        file.read(reinterpret_cast<char *>(bytes.data()), bytes.size());
        if (!file) {
            return PTW_E_BUS;
        }
        *out = 0;
        for (unsigned i = 8; i-- > 0;) {
            *out = *out << 8 | bytes[i];
        }
        return PTW_OK;
    }

  private:
    std::ifstream file_;
};

void check(ptw_status st, const std::string &what)
{
    if (st != PTW_OK) {
        throw std::runtime_error(what + ": " + ptw_status_text(st));
    }
}

void print_leaves(const std::string &path, const std::string &name,
                  uint64_t table)
{
    Image image(path);
    ptw_mem_ops ops{};
    ptw_walk_options options = ptw_walk_everything();
    ptw_regime regime;
    ptw_walk walk;
    ptw_mem mem;
    std::array<ptw_item, 64> item;
    std::size_t items;
    ptw_status st;

    ops.read64 = Image::read64;
    check(ptw_mem_init_callbacks(&mem, &ops, &image, nullptr, 0), path);
    check(ptw_regime_by_name(name.c_str(), nullptr, 0, &regime, nullptr), name);
    check(ptw_virt_to_phys_init(&walk, &mem,
                                ptw_root_of(&regime, ptw_pa_of(table)),
                                &options),
          "root");
    while ((st = ptw_walk_next(&walk, item.data(), item.size(), &items)) ==
           PTW_OK) {
        for (std::size_t i = 0; i < items; i++) {
            const ptw_mapping &m = item[i].u.mapping;

            if (item[i].kind == PTW_ITEM_MAPPING) {
                std::printf("%016" PRIx64 " %" PRIx64 " %" PRIx64
                            " %c %c %c %c\n",
                            item[i].first.v, m.pa.v,
                            std::uint64_t{1} << m.size_log2,
                            m.rights & PTW_READ ? 'r' : '-',
                            m.rights & PTW_WRITE ? 'w' : '-',
                            m.rights & PTW_EXEC ? 'x' : '-',
                            m.rights & PTW_USER ? 'u' : '-');
            }
        }
    }
    check(st == PTW_END ? PTW_OK : st, path);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4) {
        std::cerr << "usage: leaves IMAGE REGIME ROOT\n";
        return 2;
    }
    try {
        print_leaves(argv[1], argv[2], std::stoull(argv[3], nullptr, 16));
    } catch (const std::exception &e) {
        std::cerr << "leaves: " << e.what() << "\n";
        return 3;
    }
    return 0;
}
