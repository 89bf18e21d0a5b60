std = "lua54"
max_line_length = 100
include_files = { "**/*.lua", "*.rockspec", ".luacheckrc", ".busted" }
exclude_files = { "build", "lua_modules" }
files["spec"] = { std = "+busted" }
files["*.rockspec"] = { std = "+rockspec" }
files["library"] = { max_line_length = false, ignore = { "211", "212", "241" } }
