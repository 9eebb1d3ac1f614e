// The firewall's table as text for nft(8), with the elements of the tests.

let tableText = """
    table inet staunch {
      map ports4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
      map anyport4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
      map ports6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
      map anyport6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
      set bridges { type ifname; }
      set isolated { type ifname; }
      set same_bridge { type ifname . ifname; }
      set subnets4 { type ipv4_addr; flags interval; }
      set hairpin4 { type ipv4_addr . ipv4_addr; flags interval; }
      set masquerade4 { type ipv4_addr; flags interval; }
      set subnets6 { type ipv6_addr; flags interval; }
      set hairpin6 { type ipv6_addr . ipv6_addr; flags interval; }
      set masquerade6 { type ipv6_addr; flags interval; }
      chain raw_prerouting {
        type filter hook prerouting priority raw; policy accept;
        iifname @bridges ip daddr 127.0.0.0/8 drop
      }
      chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports4
        fib daddr type local dnat ip to meta l4proto . th dport map @anyport4
        fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6
        fib daddr type local dnat ip6 to meta l4proto . th dport map @anyport6
      }
      chain output {
        type nat hook output priority -100; policy accept;
        fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports4
        fib daddr type local dnat ip to meta l4proto . th dport map @anyport4
        fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6
        fib daddr type local dnat ip6 to meta l4proto . th dport map @anyport6
      }
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr @masquerade4 ip daddr != @subnets4 masquerade
        ct status dnat ip saddr . ip daddr @hairpin4 masquerade
        ct status dnat ip saddr 127.0.0.0/8 oifname @bridges masquerade
        ip6 saddr @masquerade6 ip6 daddr != @subnets6 masquerade
        ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade
      }
      chain forward {
        type filter hook forward priority filter; policy accept;
        iifname . oifname @same_bridge accept
        iifname @isolated oifname @bridges drop
        iifname @bridges oifname @isolated drop
      }
    }
    """

/// One element of each set, as `oneOfEach` has them.
let elementText = """
    add element inet staunch ports4 { 10.0.0.1 . tcp . 8080 comment "p" : 10.88.0.2 . 80 }
    add element inet staunch anyport4 { udp . 53 comment "p" : 10.88.0.2 . 5353 }
    add element inet staunch ports6 { fd00::1 . sctp . 9 comment "p" : fd88::2 . 9 }
    add element inet staunch anyport6 { tcp . 8080 comment "p" : fd88::2 . 80 }
    add element inet staunch bridges { "stb0" comment "n" }
    add element inet staunch isolated { "stb0" comment "n" }
    add element inet staunch same_bridge { "stb0" . "stb0" comment "n" }
    add element inet staunch subnets4 { 10.88.0.0/16 comment "n" }
    add element inet staunch hairpin4 { 10.88.0.0/16 . 10.88.0.0/16 comment "n" }
    add element inet staunch masquerade4 { 10.88.0.0/16 comment "n" }
    add element inet staunch subnets6 { fd88::/64 comment "n" }
    add element inet staunch hairpin6 { fd88::/64 . fd88::/64 comment "n" }
    add element inet staunch masquerade6 { fd88::/64 comment "n" }
    """
