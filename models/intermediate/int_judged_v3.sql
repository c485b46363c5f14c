{{ judged('v3') }}
