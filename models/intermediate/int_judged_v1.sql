{{ judged('v1') }}
