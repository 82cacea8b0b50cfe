import { createServer, type Server } from 'node:net';
import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';
import { hostAddresses } from '../harness/host.ts';

const none = { controls: ['network-none'] } as const;
const full = { controls: ['network-full'] } as const;

export const network = defineGroup('network', 'none means none, full is what the report says', (test) => {
  test('none-interfaces', 'with none there is no interface but loopback', none, async (t) => {
    const { stdout } = await t.run("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", { network: 'none' });
    // Kernels make fallback devices for tunnels in every namespace; none of them has an address.
    const real = stdout
      .split('\n')
      .filter(
        (name) =>
          name !== '' &&
          !/^(lo|tunl\d|sit\d|gre\d|gretap\d|erspan\d|ip_vti\d|ip6_vti\d|ip6tnl\d|ip6gre\d|teql\d)$/.test(
            name,
          ),
      );
    t.expect(real).toEqual([]);
  });

  test('none-routes', 'with none there is no route anywhere', none, async (t) => {
    const { stdout } = await t.run(
      'tail -n +2 /proc/net/route; test -e /proc/net/ipv6_route && grep -v " lo$" /proc/net/ipv6_route; true',
      { network: 'none' },
    );
    t.expect(stdout).toBe('');
  });

  test('none-addresses', 'with none it has no address but loopback', none, async (t) => {
    const { stdout } = await t.run(
      "grep -B1 'host LOCAL' /proc/net/fib_trie | grep -oE '([0-9]+\\.){3}[0-9]+' | sort -u",
      { network: 'none' },
    );
    t.expect(stdout.split('\n').filter((address) => address !== '' && !address.startsWith('127.'))).toEqual(
      [],
    );
  });

  test('none-host-reached', "with none, none of the host's addresses can be reached", none, async (t) => {
    const port = await listen(t);
    const reached = await reach(t, ['127.0.0.1', ...hostAddresses()], port, 'none');
    t.expect(reached.filter(({ answer }) => answer === 'reached')).toEqual([]);
  });

  test('none-outside', 'with none, nothing outside can be reached', none, async (t) => {
    const reached = await reach(t, ['1.1.1.1', '169.254.169.254', '8.8.8.8'], 80, 'none');
    t.expect(reached.filter(({ answer }) => answer === 'reached')).toEqual([]);
  });

  test(
    'none-abstract-sockets',
    "with none, no abstract socket of the host's can be seen",
    none,
    async (t) => {
      const { stdout } = await t.run("grep -c ' @' /proc/net/unix", { network: 'none' });
      t.expect(stdout).toBe('0\n');
    },
  );

  test(
    'none-is-kept',
    'a guest cannot give itself a network',
    { controls: ['network-none', 'capabilities'] },
    async (t) => {
      const { stdout } = await t.run(
        '(ip link add dummy9 type dummy) 2>/dev/null && echo added; grep CapEff /proc/self/status | cut -f2',
        { network: 'none' },
      );
      t.expect(stdout).toBe('0000000000000000\n');
    },
  );

  test('full-has-route', 'with full there is a way out', full, async (t) => {
    const { stdout } = await t.run('cat /proc/net/route', { network: 'full' });
    t.expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(2);
  });

  test('full-resolver', 'with full it is told a name server', full, async (t) => {
    const { stdout } = await t.run('grep -c "^nameserver" /etc/resolv.conf', { network: 'full' });
    t.expect(Number(stdout)).toBeGreaterThanOrEqual(1);
  });

  test('full-host', 'full reaches the host only where the report admits it', full, async (t) => {
    const { support, how } = t.probe.capabilities.controls['network-full'];
    const port = await listen(t);
    const reached = (await reach(t, ['127.0.0.1', ...hostAddresses()], port, 'full')).filter(
      ({ answer }) => answer === 'reached',
    );
    if (reached.length > 0) t.expect(`${support}: ${how}`).toMatch(/^limited: .*host/);
  });

  test(
    'full-own-namespace',
    'the network is not the host’s own, where namespaces are enforced',
    { controls: ['network-full', 'namespaces'] },
    async (t) => {
      const { stdout } = await t.run("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", {
        network: 'full',
      });
      t.expect(stdout.split('\n').filter((name) => /^(docker|podman|virbr|cni)\d/.test(name))).toEqual([]);
    },
  );

  test(
    'full-apart',
    'two sandboxes with full reach each other only where the report admits it',
    { ...full, enforced: ['namespaces'], timeoutMs: 60_000 },
    async (t) => {
      const server =
        'perl -MSocket -e \'socket(S,PF_INET,SOCK_STREAM,0);bind(S,sockaddr_in(7777,INADDR_ANY))||die;listen(S,5);$|=1;print "up\\n";accept(C,S) while 1\'';
      const script = `command -v perl >/dev/null || { echo no-perl; exit; }
        ${server} > up.txt & until grep -q up up.txt; do sleep 0.05; done 2>/dev/null
        grep -B1 'host LOCAL' /proc/net/fib_trie | grep -oE '([0-9]+\\.){3}[0-9]+' | grep -v '^127' | sort -u | head -n 1
        cat; kill $!`;
      const { raw } = await t.attached(['/bin/sh', '-c', script], { network: 'full' });
      const address = await t.firstLine(raw.stdout);
      if (address !== 'no-perl') {
        const [reached] = await reach(t, [address], 7777, 'full');
        const { support, how } = t.probe.capabilities.controls['network-full'];
        if (reached?.answer === 'reached') t.expect(`${support}: ${how}`).toMatch(/^limited: .*sandboxes/);
      }
      await t.collect(raw);
    },
  );
});

/** A port of this host that answers on every address. */
async function listen(t: AdapterContext): Promise<number> {
  const server: Server = createServer((socket) => socket.on('error', () => undefined).end('conformance\n'));
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Tries to connect with what there is: bash, perl or python3; without any of them, what has no route is not reached. */
async function reach(t: AdapterContext, addresses: readonly string[], port: number, mode: 'none' | 'full') {
  const script = `port=$1; shift
    for address; do
      if command -v bash >/dev/null; then timeout 2 bash -c "exec 3<>/dev/tcp/$address/$port" 2>/dev/null && answer=reached || answer=not
      elif command -v perl >/dev/null; then timeout 2 perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]", Timeout => 2)' "$address" "$port" && answer=reached || answer=not
      elif command -v python3 >/dev/null; then timeout 2 python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' "$address" "$port" 2>/dev/null && answer=reached || answer=not
      else test "$(tail -n +2 /proc/net/route | wc -l)" = 0 && answer=not || answer=unknown; fi
      echo "$address $answer"
    done`;
  const { stdout } = await t.run(script, { network: mode, args: [String(port), ...addresses] });
  t.expect(stdout.trim().split('\n').length).toBe(addresses.length);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [address = '', answer = ''] = line.split(' ');
      return { address, answer };
    });
}
