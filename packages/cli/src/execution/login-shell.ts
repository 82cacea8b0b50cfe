/**
 * The login shell of whoever the sandbox is entered as, as its own passwd file has it. Many an account there has only `sh`, which reads no `~/.bashrc` and knows no
 * history: where that is all it says, and there is a `bash`, that one. It is not started as a login shell, which would read a profile that
 * sets PATH anew.
 */
export const LOGIN_SHELL: readonly string[] = [
  '/bin/sh',
  '-c',
  `me=$(id -u)
shell=
if [ -r /etc/passwd ]; then
  while IFS=: read -r _ _ uid _ _ _ shell || [ -n "$uid" ]; do
    [ "$uid" = "$me" ] && break
    shell=
  done < /etc/passwd
fi
case $shell in
  '' | */sh | */nologin | */false) shell=$(command -v bash) ;;
esac
[ -x "$shell" ] || shell=/bin/sh
SHELL=$shell
export SHELL
exec "$shell"`,
];
